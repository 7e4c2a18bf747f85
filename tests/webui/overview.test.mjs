import assert from "node:assert/strict";
import { test } from "node:test";
import { addWords } from "../../webui/i18n.js";
import { counts, tile } from "../../webui/overview.js";
import { INITIAL, reduce } from "../../webui/reduce.js";
import { WORDS } from "../../webui/words/wall.ru.js";
import { AT, at, message, rawCall, rawCard, rawLine, snapshot, snapshotCall } from "./messages.mjs";

addWords("ru", WORDS);
const DEAF = { state: "no_audio", reason: null };
const LIVE = { state: "live", reason: null };
const fold = (...messages) => messages.reduce(reduce, reduce(INITIAL, snapshot([snapshotCall(rawCall())])));
const view = (...messages) => fold(...messages).calls.get("c1");
const at_ = (seconds) => Date.parse(at(seconds));
const words = (found) => found.map(({ level, words, since }) => [level, words, since].join("|"));

test("the last words of a line are shown, not its first", () => {
  assert.equal(tile(view(), at_(0)).last, null);
  const short = view(message("transcript", rawLine("client", 1, 0, "Это", { tail: " дорого", final: false })));
  assert.deepEqual(tile(short, at_(0)).last, { leg: "client", text: "Это", tail: " дорого" });
  const long = view(message("transcript", rawLine("operator", 1, 0, `${"слово ".repeat(60)}конец.`)));
  const { text } = tile(long, at_(0)).last;
  assert.match(text, /^… слово .*конец\.$/);
  assert.ok(text.length <= 142);
  const endless = view(message("transcript", rawLine("operator", 1, 0, "а".repeat(500), { tail: "бв", final: false })));
  assert.deepEqual(tile(endless, at_(0)).last, { leg: "operator", text: "…", tail: "бв" });
});

test("who speaks is the louder one, nobody in silence", () => {
  const level = (client, operator) => tile(view(message("level", { call_id: "c1", client, operator })), at_(0)).speaker;
  assert.deepEqual([level(0.5, 0.2), level(0.1, 0.2), level(0.02, 0.03), level(0, 0)], ["client", "operator", null, null]);
});

test("a leg in trouble calls for attention, the worst first", () => {
  const legs = { client: { state: "stt_waiting", reason: null }, operator: DEAF };
  const seen = view(message("call_update", { call: rawCall("c1", { legs }) }));
  assert.deepEqual(words(tile(seen, at_(8)).alerts), ["bad|Оператора не слышно|8 с", "warn|Клиент: ждём распознавание|"]);
  assert.deepEqual(tile(seen, at_(1)).alerts, [], "it may pass at once");
  const quiet = view(message("call_update", { call: rawCall("c1", { legs: { client: { state: "silent", reason: null }, operator: LIVE } }) }));
  assert.deepEqual(tile(quiet, at_(19)).alerts, []);
  assert.deepEqual(words(tile(quiet, at_(21)).alerts), ["warn|Клиент молчит|21 с"]);
});

test("a client who waits calls for attention", () => {
  const rings = view(message("call_update", { call: rawCall("c1", { status: "ringing", answered_at: null }) }));
  assert.deepEqual(words(tile(rings, at_(19)).alerts), []);
  assert.deepEqual(words(tile(rings, at_(25)).alerts), ["warn|Не берут трубку|25 с"]);
  const held = view(message("call_update", { call: rawCall("c1", { status: "held" }) }, { at: at(30) }));
  assert.deepEqual(words(tile(held, at_(80)).alerts), []);
  assert.deepEqual(words(tile(held, at_(95)).alerts), ["warn|Клиент ждёт на удержании|1 мин"]);
});

test("an urgent hint that nobody judged calls for attention for a minute", () => {
  const card = (changes) => view(message("suggestion", rawCard("s1", changes)));
  assert.deepEqual(words(tile(card(), at_(5)).alerts), ["warn|Дорого|"]);
  assert.deepEqual(tile(card(), at_(61)).alerts, []);
  for (const changes of [{ priority: "medium" }, { kind: "whisper" }, { verdicts: ["useful"] }, { verdicts: ["dismissed"] }]) {
    assert.deepEqual(tile(card(changes), at_(5)).alerts, []);
  }
  assert.deepEqual(words(tile(card({ verdicts: ["copied"] }), at_(5)).alerts), ["warn|Дорого|"]);
});

test("how many calls there are", () => {
  const state = fold(
    message("call_start", { call: rawCall("c2", { status: "ringing" }) }),
    message("call_start", { call: rawCall("c3", { status: "ended" }) }),
    message("call_start", { call: rawCall("c4", { legs: { client: DEAF, operator: LIVE } }) }, { at: AT }),
  );
  assert.deepEqual(counts([...state.calls.values()], at_(9)), { talking: 2, ringing: 1, troubled: 1 });
});
