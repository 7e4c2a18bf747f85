import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL, MAX_ENDED_CALLS, reduce } from "../../webui/reduce.js";
import { at, message, random, rawCall, rawCard, rawLine, snapshot, snapshotCall } from "./messages.mjs";

const fold = (messages, from = INITIAL) => messages.reduce(reduce, from);
const view = (state, id = "c1") => state.calls.get(id);
const opened = () => fold([snapshot([snapshotCall(rawCall())])]);
const texts = (state) => view(state).lines.map((line) => line.text + line.tail);

test("a snapshot replaces all that was there", () => {
  const before = fold([snapshot([snapshotCall(rawCall("old"))])]);
  const state = fold([snapshot([snapshotCall(rawCall())], { epoch: "e2", mode: "demo" })], before);
  assert.deepEqual([...state.calls.keys()], ["c1"]);
  assert.deepEqual([state.epoch, state.mode, state.ready, state.me.name], ["e2", "demo", true, "Анна"]);
});

test("lines are sorted by their start, whoever is sent first", () => {
  const state = fold([
    message("transcript", rawLine("operator", 1, 4000, "два")),
    message("transcript", rawLine("client", 2, 9000, "три")),
    message("transcript", rawLine("client", 1, 1000, "раз")),
  ], opened());
  assert.deepEqual(texts(state), ["раз", "два", "три"]);
  const together = [3, 1, 2].map((n) => message("transcript", rawLine("client", n, 0, `${n}`)));
  assert.deepEqual(texts(fold(together, opened())), ["1", "2", "3"]);
});

test("the same (leg, utterance) replaces the line; both legs may have the same number", () => {
  const state = fold([
    message("transcript", rawLine("client", 1, 1000, "", { tail: "это", final: false })),
    message("transcript", rawLine("operator", 1, 1000, "алло")),
    message("transcript", rawLine("client", 1, 1000, "Это", { tail: " дор", final: false })),
    message("transcript", rawLine("client", 1, 1000, "Это дорого.")),
  ], opened());
  assert.deepEqual(texts(state), ["Это дорого.", "алло"]);
});

test("a line whose start was corrected moves to its place", () => {
  const state = fold([
    message("transcript", rawLine("client", 1, 5000, "", { tail: "б", final: false })),
    message("transcript", rawLine("operator", 1, 4000, "а")),
    message("transcript", rawLine("client", 1, 3000, "б")),
  ], opened());
  assert.deepEqual(texts(state), ["б", "а"]);
});

test("a final line never changes and confirmed text never shrinks", () => {
  const final = fold([message("transcript", rawLine("client", 1, 1000, "Это дорого."))], opened());
  const late = message("transcript", rawLine("client", 1, 1000, "Это", { tail: " дор", final: false }));
  assert.equal(reduce(final, late), final);
  assert.equal(reduce(final, message("transcript", rawLine("client", 1, 1000, "Другое."))), final);
  const grown = fold([message("transcript", rawLine("client", 1, 1000, "Это слишком", { final: false }))], opened());
  assert.equal(reduce(grown, late), grown);
});

test("a repeated message gives the same state", () => {
  const messages = [
    message("call_start", { call: rawCall("c2", { status: "ringing" }) }),
    message("transcript", rawLine("client", 1, 1000, "раз", { tail: " два", final: false })),
    message("gap", { call_id: "c1", leg: "client", start_ms: 5, end_ms: 9, reason: "" }),
    message("suggestion", rawCard("s1")),
    message("checklist", { call_id: "c1", steps: [{ id: "1", title: "а", done: false }] }),
    message("level", { call_id: "c1", client: 0.5, operator: 0 }),
    message("summary", { call_id: "c1", need: "", outcome: "", actions: [] }),
    message("call_end", { call_id: "c1", reason: "Конец", duration_ms: 7 }),
    message("call_hidden", { call_id: "c2" }),
  ];
  let state = opened();
  for (const item of messages) {
    const once = reduce(state, item);
    assert.deepEqual(reduce(once, item).calls, once.calls, item.type);
    state = once;
  }
});

test("what did not change is the same object", () => {
  const before = fold([message("transcript", rawLine("client", 1, 1000, "раз"))], opened());
  const after = reduce(before, message("level", { call_id: "c1", client: 0.4, operator: 0.1 }));
  assert.equal(view(after).lines, view(before).lines);
  assert.equal(reduce(before, message("transcript", rawLine("client", 1, 1000, "раз"))), before);
  assert.equal(reduce(before, message("heartbeat")), before);
});

test("a card with a known id is replaced in its place and keeps when it came", () => {
  const state = fold([
    message("suggestion", rawCard("s1", { state: "streaming", content: "Спро" }), { at: at(1), cursor: "5" }),
    message("suggestion", rawCard("s2"), { at: at(2), cursor: "6" }),
    message("suggestion", rawCard("s1", { content: "Спросите", verdicts: ["useful"] }), { at: at(3), cursor: "7" }),
  ], opened());
  const cards = view(state).cards;
  assert.deepEqual(cards.map((card) => [card.id, card.at, card.cursor]), [["s1", at(1), "5"], ["s2", at(2), "6"]]);
  assert.deepEqual([cards[0].content, cards[0].state, cards[0].verdicts], ["Спросите", "complete", ["useful"]]);
});

test("a withdrawn card is gone, known or not", () => {
  const gone = message("suggestion", rawCard("s1", { state: "withdrawn" }));
  const state = fold([message("suggestion", rawCard("s1")), gone, gone], opened());
  assert.deepEqual(view(state).cards, []);
});

test("an ended call stays ended and its timer stands", () => {
  const state = fold([
    message("call_update", { call: rawCall("c1", { status: "ended" }) }, { at: at(60) }),
    message("call_end", { call_id: "c1", reason: "Клиент положил трубку", duration_ms: 60000 }, { at: at(62) }),
    message("call_update", { call: rawCall("c1", { status: "answered" }) }, { at: at(63) }),
  ], opened());
  assert.deepEqual([view(state).call.status, view(state).endedAt, view(state).end.duration_ms], ["ended", at(60), 60000]);
});

test("call_end alone ends a call, also in a snapshot", () => {
  const ended = fold([message("call_end", { call_id: "c1", reason: "", duration_ms: 5 }, { at: at(9) })], opened());
  assert.deepEqual([view(ended).call.status, view(ended).endedAt], ["ended", at(9)]);
  const shown = fold([snapshot([snapshotCall(rawCall(), { end: { reason: "Конец", duration_ms: 5 } })])]);
  assert.deepEqual([view(shown).call.status, view(shown).end.reason], ["ended", "Конец"]);
});

test("the state of a leg is timed from its change, not from every update", () => {
  const silent = { legs: { client: { state: "no_audio", reason: null }, operator: { state: "live", reason: null } } };
  const state = fold([
    message("call_update", { call: rawCall("c1") }, { at: at(1) }),
    message("call_update", { call: rawCall("c1", silent) }, { at: at(5) }),
    message("call_update", { call: rawCall("c1", { ...silent, operator: "1002" }) }, { at: at(9) }),
  ], opened());
  assert.deepEqual(view(state).legSince, { client: at(5), operator: at(1) });
});

test("gaps are sorted, and one that grew is replaced", () => {
  const gap = (leg, start, end) => message("gap", { call_id: "c1", leg, start_ms: start, end_ms: end, reason: "потеря" });
  const state = fold([gap("client", 900, 950), gap("client", 100, 200), gap("operator", 100, 150), gap("client", 900, 990)], opened());
  assert.deepEqual(view(state).gaps.map((item) => [item.leg, item.start_ms, item.end_ms]), [
    ["client", 100, 200], ["operator", 100, 150], ["client", 900, 990],
  ]);
});

test("a hidden call is gone; hiding an unknown one changes nothing", () => {
  const state = fold([message("call_hidden", { call_id: "c1" })], opened());
  assert.equal(state.calls.size, 0);
  assert.equal(reduce(state, message("call_hidden", { call_id: "c1" })), state);
});

test("unknown types, malformed and orphaned messages are counted and change nothing else", () => {
  const before = opened();
  const after = fold([
    message("weather"), message("weather"), message("transcript", {}), message("level", { call_id: "nobody", client: 0, operator: 0 }),
  ], before);
  assert.equal(after.calls, before.calls);
  assert.deepEqual([after.counts.unknown.get("weather"), after.counts.malformed, after.counts.orphan], [2, 1, 1]);
});

test("names of unknown types are bounded", () => {
  const state = fold(Array.from({ length: 50 }, (_, i) => message(`type${i}`)));
  assert.equal(state.counts.unknown.size, 21);
  assert.equal(state.counts.unknown.get("…"), 30);
});

test("system is replaced whole", () => {
  const state = fold([message("system", { ari: { state: "down", reason: "нет", action: null } })], opened());
  assert.deepEqual([state.system.ari.state, state.system.stt.state], ["down", "up"]);
});

test("a day's ended calls do not pile up: the oldest go, live ones never", () => {
  const day = Array.from({ length: MAX_ENDED_CALLS + 5 }, (_, i) => [
    message("call_start", { call: rawCall(`e${i}`) }),
    message("call_end", { call_id: `e${i}`, reason: "", duration_ms: 1 }, { at: at(i) }),
  ]).flat();
  const state = fold(day, opened());
  assert.equal(state.calls.size, MAX_ENDED_CALLS + 1);
  assert.ok(state.calls.has("c1") && !state.calls.has("e4") && state.calls.has("e5"));
  const undated = Array.from({ length: 40 }, (_, i) => message("call_start", { call: rawCall(`u${i}`, { status: "ended" }) }, { at: null }));
  assert.equal(fold(undated).calls.size, MAX_ENDED_CALLS);
  assert.equal(fold([snapshot(Array.from({ length: 40 }, (_, i) => snapshotCall(rawCall(`x${i}`, { status: "ended" }))))]).calls.size, MAX_ENDED_CALLS);
});

test("events in any order of legs, repeated at will, end in the state of a snapshot", () => {
  const seed = Date.now() % 1e9;
  const next = random(seed);
  const finals = [];
  const events = [];
  for (let n = 0; n < 60; n += 1) {
    const final = rawLine(next() < 0.5 ? "client" : "operator", n, Math.floor(next() * 60_000), `слово ${n} и ещё`);
    finals.push(final);
    events.push(message("transcript", { ...final, text: "", tail: "сло", final: false }));
    events.push(message("transcript", { ...final, text: "слово", tail: " и", final: false }), message("transcript", final));
  }
  const shuffled = [...events, ...events].map((item) => [next(), item]).sort(([a], [b]) => a - b).map(([, item]) => item);
  const expected = fold([snapshot([snapshotCall(rawCall(), { transcript: finals })])]);
  assert.deepEqual(view(fold(shuffled, opened())).lines, view(expected).lines, `seed ${seed}`);
});
