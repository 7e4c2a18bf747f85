import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL, reduce } from "../../webui/reduce.js";
import { activeCall, banner, callMs, ownCall, rows, sortCalls, sortCards } from "../../webui/select.js";
import { NO_MARKS, mark } from "../../webui/verdicts.js";
import { AT, at, message, rawCall, rawCard, rawLine, snapshot, snapshotCall } from "./messages.mjs";

const state = (...messages) => [snapshot([]), ...messages].reduce(reduce, INITIAL);
const begin = (id, changes) => message("call_start", { call: rawCall(id, changes) }, { at: AT });
const end = (id, seconds = 60) => message("call_end", { call_id: id, reason: "Конец", duration_ms: 59_000 }, { at: at(seconds) });
const ring = (id, ...ringing) => begin(id, { status: "ringing", operator: null, answered_at: null, ringing });
const active = (calls, { mine = ["1001"], chosen = null, shown = null } = {}) => activeCall(calls, mine, chosen, shown);

test("without calls nothing is shown", () => assert.equal(active(state().calls), null));

test("the operator's own call is shown, before one that only rings and before a colleague's", () => {
  const calls = state(ring("rings", "1001"), begin("other", { operator: "1002" }), begin("mine")).calls;
  assert.equal(active(calls), "mine");
  assert.equal(active(calls, { shown: "other" }), "mine");
  assert.equal(active(state(ring("rings", "1001"), begin("other", { operator: "1002" })).calls), "rings");
});

test("of two own calls the one on screen stays, else the later one comes", () => {
  const calls = state(begin("a", { started_at: at(0) }), begin("b", { started_at: at(9) })).calls;
  assert.deepEqual([active(calls), active(calls, { shown: "a" })], ["b", "a"]);
});

test("a chosen call stays while it lives, and after it until an own one begins", () => {
  const both = [begin("mine"), begin("other", { operator: "1002" })];
  assert.equal(active(state(...both).calls, { chosen: "other" }), "other");
  assert.equal(active(state(...both, end("other")).calls, { chosen: "other" }), "mine");
  assert.equal(active(state(...both, end("other"), end("mine")).calls, { chosen: "other" }), "other");
  assert.equal(active(state(begin("mine")).calls, { chosen: "gone" }), "mine");
});

test("whoever has no own call keeps the one on screen until its last words, then sees the next", () => {
  const supervisor = { mine: [], shown: "a" };
  const both = [begin("a", { operator: "1001" }), begin("b", { operator: "1002" })];
  assert.equal(active(state(...both).calls, supervisor), "a");
  const hungUp = message("call_update", { call: rawCall("a", { status: "ended" }) });
  assert.equal(active(state(...both, hungUp).calls, supervisor), "a");
  assert.equal(active(state(...both, hungUp, end("a")).calls, supervisor), "b");
  assert.equal(active(state(begin("a"), end("a")).calls, supervisor), "a");
});

test("an operator's ended call stays on screen; a colleague's does not take its place", () => {
  const calls = state(begin("a"), end("a"), begin("b", { operator: "1002" })).calls;
  assert.equal(active(calls, { shown: "a" }), "a");
});

test("at the first look an answered call comes before a ringing one, and a past one only when none lives", () => {
  assert.equal(active(state(ring("a", "1003"), begin("b", { operator: "1002" })).calls, { mine: [] }), "b");
  assert.equal(active(state(ring("a", "1003")).calls, { mine: [] }), "a");
  assert.equal(active(state(begin("a"), begin("b"), end("a", 5), end("b", 9)).calls, { mine: [] }), "b");
});

test("the own call is named even while another is on screen", () => {
  const calls = state(begin("mine"), begin("other", { operator: "1002" })).calls;
  assert.deepEqual([ownCall(calls, ["1001"], "other"), ownCall(calls, [], "other")], ["mine", null]);
});

test("live calls stand in the order they began, ended ones newest first", () => {
  const { live, recent } = sortCalls(state(
    begin("b", { started_at: at(2) }), begin("a", { started_at: at(1) }), begin("n", { started_at: null }),
    begin("x"), begin("y"), end("x", 5), end("y", 7),
  ).calls);
  assert.deepEqual(live.map((view) => view.call.id), ["n", "a", "b"]);
  assert.deepEqual(recent.map((view) => view.call.id), ["y", "x"]);
  const undated = [begin("s", { started_at: null }), begin("t", { started_at: null }), ...["u", "v"].map((id) => message("call_start", { call: rawCall(id, { status: "ended" }) }, { at: null }))];
  assert.deepEqual(sortCalls(state(...undated).calls).live.map((view) => view.call.id), ["s", "t"]);
  assert.equal(sortCalls(state(...undated).calls).recent.length, 2);
  const same = sortCalls(state(begin("p", { started_at: at(1) }), begin("q", { started_at: at(2) }), end("p"), end("q")).calls);
  assert.deepEqual(same.recent.map((view) => view.call.id), ["q", "p"]);
});

test("the timer counts from the answer, before it from the start, and stands at the end", () => {
  const now = Date.parse(at(100));
  const ms = (calls, id) => callMs(calls.get(id), now);
  assert.equal(ms(state(begin("a", { answered_at: at(40) })).calls, "a"), 60_000);
  assert.equal(ms(state(begin("a", { answered_at: null })).calls, "a"), 100_000);
  assert.equal(ms(state(begin("a"), message("call_update", { call: rawCall("a", { status: "ended" }) }, { at: at(30) })).calls, "a"), 30_000);
  assert.equal(ms(state(begin("a"), end("a")).calls, "a"), 59_000);
  assert.equal(ms(state(begin("a", { answered_at: null, started_at: null })).calls, "a"), 0);
});

const cards = (...list) => list.map(([id, seconds, verdicts = []]) => ({ ...message("suggestion", rawCard(id, { verdicts })).card, at: seconds === null ? null : at(seconds), cursor: null }));
const ids = (list) => list.map((card) => card.id);

test("at most three cards in full, newest first; older ones folded", () => {
  const { full, folded, hidden } = sortCards(cards(["a", 1], ["b", 2], ["c", 3], ["d", 4]), NO_MARKS);
  assert.deepEqual([ids(full), ids(folded), hidden], [["d", "c", "b"], ["a"], []]);
});

test("a card that came long before the newest is folded, unless it is pinned", () => {
  const list = cards(["a", 0, ["pinned"]], ["b", 10], ["c", 25], ["d", 31]);
  const { full, folded } = sortCards(list, NO_MARKS);
  assert.deepEqual([ids(full), ids(folded)], [["d", "c", "a"], ["b"]]);
});

test("cards of a snapshot, whose time is not known, stay beside the newest", () => {
  assert.deepEqual(ids(sortCards(cards(["a", null], ["b", 900]), NO_MARKS).full), ["b", "a"]);
});

test("dismissed cards are set aside, by the server's word or by a click not yet answered", () => {
  const list = cards(["a", 1, ["dismissed"]], ["b", 2], ["c", 3]);
  const { full, hidden } = sortCards(list, mark(NO_MARKS, list[1], "dismissed"));
  assert.deepEqual([ids(full), ids(hidden)], [["c"], ["b", "a"]]);
  assert.deepEqual(sortCards([], NO_MARKS), { full: [], folded: [], hidden: [] });
});

test("lines and gaps lie on one time line; neighbouring gaps of a leg are one, tiny ones none", () => {
  const gap = (leg, start, finish) => message("gap", { call_id: "c1", leg, start_ms: start, end_ms: finish, reason: "потеря" });
  const view = state(
    begin("c1"),
    message("transcript", rawLine("client", 1, 1000, "раз")),
    message("transcript", rawLine("client", 2, 9000, "два")),
    message("transcript", rawLine("operator", 1, 9500, "")),
    gap("client", 2000, 2400), gap("client", 3000, 4000), gap("operator", 4000, 4500),
    gap("client", 500, 520), gap("operator", 9600, 9900),
  ).calls.get("c1");
  const shown = rows(view).map((row) => ("gap_ms" in row ? [row.leg, row.gap_ms] : row.text));
  assert.deepEqual(shown, ["раз", ["client", 1400], ["operator", 500], "два", ["operator", 300]]);
  assert.equal(rows(view), rows(view));
});

const link = (phase, heardAt = 0, reason = null) => ({ phase, heardAt, reason });
const system = (parts) => state(message("system", parts));
const trouble = (component, words) => ({ [component]: { state: words, reason: "причина", action: "сделайте" } });

test("all is well: no banner; nor before the first snapshot", () => {
  assert.equal(banner(state(), link("online"), null, 0), null);
  assert.equal(banner(INITIAL, link("connecting", null), 0, 1_000), null);
  assert.equal(banner(system({ store: { state: "off" } }), link("online"), null, 0), null);
});

test("a lost connection is worth a banner after two seconds, with the age of the data", () => {
  assert.equal(banner(state(), link("waiting"), 10_000, 11_999), null);
  const shown = banner(system(trouble("ari", "down")), link("waiting", 4_000), 10_000, 12_000);
  assert.deepEqual([shown.level, shown.age, shown.more], ["bad", "данные 8 с назад", []]);
  assert.match(shown.text, /Нет связи с сервером/);
  assert.equal(banner(state(), link("waiting", null), 0, 9_000).age, "");
});

test("a refusal stands in the server's words", () => {
  assert.match(banner(state(), link("denied", 0, "сначала user add"), 0, 0).text, /не пускает.*user add/);
});

test("the worst trouble comes first, with reason and action; the others follow", () => {
  const { level, text, more } = banner(system({ ...trouble("stt", "off"), ...trouble("ari", "down"), ...trouble("llm", "degraded") }), link("online"), null, 0);
  assert.equal(level, "bad");
  assert.equal(text, "Нет связи с Asterisk. Причина. Сделайте.");
  assert.deepEqual(more.map((words) => words.split(".")[0]), ["ИИ-подсказки с перебоями", "Звонки без текста"]);
  assert.equal(banner(system(trouble("stt", "off")), link("online"), null, 0).level, "info");
  assert.equal(banner(system(trouble("stt", "connecting")), link("online"), null, 0).level, "warn");
});
