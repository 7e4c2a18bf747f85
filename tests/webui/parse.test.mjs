import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../webui/parse.js";
import { message, random, rawCall, rawCard, rawLine, snapshot, snapshotCall } from "./messages.mjs";

test("what is no message is null", () => {
  for (const frame of ["", "{", "null", "7", "[]", '"x"', "{}", '{"type":7}']) assert.equal(parse(frame), null, frame);
});

test("an unknown type keeps its envelope, so the chain goes on", () => {
  const read = parse('{"type":"weather","cursor":"9","prev":"8","sky":"blue"}');
  assert.deepEqual(read, { type: "unknown", name: "weather", cursor: "9", prev: "8", at: null });
});

test("a known type without what identifies it is malformed", () => {
  const broken = [
    ["transcript", rawLine("nobody", 1, 0, "а")],
    ["transcript", rawLine("client", "1", 0, "а")],
    ["transcript", rawLine("client", 1, 0, "а", { call_id: 7 })],
    ["gap", { call_id: "c1", leg: "both" }],
    ["suggestion", rawCard("")],
    ["call_start", { call: null }],
    ["call_update", { call: { id: "" } }],
    ["call_hidden", {}],
  ];
  for (const [type, members] of broken) {
    const read = message(type, members);
    assert.deepEqual([read.type, read.name, read.cursor], ["malformed", type, "2"]);
  }
});

test("words that choose a style are known ones, whatever was sent", () => {
  const hostile = '"><script>alert(1)</script>';
  const { card } = message("suggestion", rawCard("s1", { kind: hostile, priority: "__proto__", source: 7, state: "constructor" }));
  assert.deepEqual([card.kind, card.priority, card.source, card.state], ["other", "medium", "playbook", "complete"]);
  const { call } = message("call_start", { call: rawCall("c1", { status: hostile, direction: "up", legs: { client: { state: "x" } } }) });
  assert.deepEqual([call.status, call.direction, call.legs.client.state], ["ringing", "inbound", "connecting"]);
  assert.equal(call.legs.operator.state, "connecting");
  assert.equal(message("call_start", { call: rawCall("c1", { legs: 7, ringing: ["1001", 7] }) }).call.legs.client.state, "connecting");
});

test("text of the wrong type is empty, numbers are finite, levels lie in 0..1", () => {
  const { line } = message("transcript", rawLine("client", 1, 0, ["a"], { final: false, tail: 4, start_ms: "7", end_ms: null }));
  assert.deepEqual([line.text, line.tail, line.start_ms, line.end_ms], ["", "", 0, 0]);
  assert.deepEqual(message("level", { call_id: "c1", client: 7, operator: -1 }).level, { client: 1, operator: 0 });
  assert.deepEqual(message("call_end", { call_id: "c1" }).end, { reason: "", duration_ms: 0 });
});

test("a final line has no tail", () => {
  assert.equal(message("transcript", rawLine("client", 1, 0, "да", { tail: " нет" })).line.tail, "");
});

test("lists keep what can be read and leave out the rest", () => {
  const card = message("suggestion", rawCard("s1", { verdicts: ["useful", "great", 7, "pinned"] })).card;
  assert.deepEqual(card.verdicts, ["useful", "pinned"]);
  assert.deepEqual(message("snapshot", { me: { extensions: ["1001", 7, ""] } }).me.extensions, ["1001"]);
  const steps = message("checklist", { call_id: "c1", steps: [null, { id: "1", title: "Спросить", done: 1 }] }).steps;
  assert.deepEqual(steps, [{ id: "1", title: "Спросить", done: false }]);
  const summary = message("summary", { call_id: "c1", need: "замер", outcome: "да", actions: ["", "позвонить"] }).summary;
  assert.deepEqual(summary, { need: "замер", outcome: "да", actions: ["позвонить"] });
});

test("a snapshot without members is an empty one", () => {
  const read = message("snapshot");
  assert.deepEqual(read.calls, []);
  assert.deepEqual(read.me, { name: "", role: "operator", extensions: [], open: false });
  assert.deepEqual(read.system.ari, { state: "up", reason: null, action: null });
});

test("a snapshot's calls are read with all that is known of them", () => {
  const one = snapshotCall(rawCall(), {
    transcript: [rawLine("client", 1, 0, "да"), 7],
    gaps: [{ leg: "client", start_ms: 1, end_ms: 2, reason: "потеря" }],
    suggestions: [rawCard("s1")],
    checklist: [{ id: "1", title: "а", done: true }],
    end: { cause: 16, reason: "Конец", duration_ms: 9 },
    summary: { need: "н", outcome: "и", actions: [] },
  });
  const system = { ari: { state: "down", reason: "р", action: "д" }, stt: { state: "?" } };
  const read = snapshot([one, { id: 7 }], { system, mode: "demo" });
  assert.equal(read.mode, "demo");
  assert.deepEqual(read.system.ari, { state: "down", reason: "р", action: "д" });
  assert.equal(read.system.stt.state, "connecting");
  assert.equal(read.calls.length, 1);
  const [call] = read.calls;
  assert.deepEqual([call.lines.length, call.gaps.length, call.cards.length, call.steps.length], [1, 1, 1, 1]);
  assert.deepEqual(call.end, { reason: "Конец", duration_ms: 9 });
  assert.equal(call.summary.need, "н");
});

test("no frame whatever makes it throw", () => {
  const seed = Date.now() % 1e9;
  const next = random(seed);
  const values = [null, 7, -1, "", "client", "c1", [], [null], {}, { id: "c1" }, true, "__proto__", 1e400];
  const types = ["snapshot", "call_start", "transcript", "gap", "suggestion", "checklist", "level", "call_end", "summary", "system", "resumed"];
  const names = ["call", "calls", "call_id", "id", "leg", "utterance", "text", "steps", "me", "system", "cursor", "legs", "verdicts"];
  const pick = (items) => items[Math.floor(next() * items.length)];
  for (let i = 0; i < 5000; i += 1) {
    const raw = { type: pick(types) };
    for (let n = 0; n < 5; n += 1) raw[pick(names)] = pick(values);
    assert.ok(parse(JSON.stringify(raw)), `seed ${seed}: ${JSON.stringify(raw)}`);
  }
});

test("what is switched off is read where we have words for it", () => {
  assert.deepEqual(message("call_start", { call: rawCall("c1", { off: ["stt", "tea", 7] }) }).call.off, ["stt"]);
  assert.deepEqual(message("call_start", { call: rawCall("c1") }).call.off, []);
});
