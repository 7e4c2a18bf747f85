/** Whatever happens to the messages on their way, the page ends in the state of a fresh snapshot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL, reduce } from "../../webui/reduce.js";
import { message, random, rawCall, rawCard, rawLine, snapshotCall } from "./messages.mjs";
import { PageModel, Wire } from "./wire.mjs";

const ROUNDS = 200;
const STEPS = 120;
const CALLS = 6;
const UP = { state: "up", reason: null, action: null };
const pick = (next, items) => items[Math.floor(next() * items.length)];

/** What the hub knows, told over the wire as it changes: every kind of message, several calls, both legs. */
class HubModel {
  constructor(wire, next) {
    Object.assign(this, { wire, next, calls: new Map(), system: { ari: UP, stt: UP, llm: UP, store: UP } });
  }

  snapshot = () => ({
    epoch: "e1",
    system: this.system,
    calls: [...this.calls.values()].map(({ call, lines, gaps, cards, ...rest }) =>
      snapshotCall(call, { transcript: [...lines.values()], gaps: [...gaps.values()], suggestions: [...cards.values()], ...rest })),
  });

  step(n) {
    const id = `c${Math.floor(this.next() * CALLS)}`;
    const known = this.calls.get(id);
    if (!known) return this.#start(id);
    const told = pick(this.next, [this.#update, this.#line, this.#line, this.#line, this.#gap, this.#card, this.#card, this.#rest]);
    return told.call(this, id, known, n);
  }

  #start(id) {
    const call = rawCall(id, { status: "ringing", operator: null, ringing: ["1001"], answered_at: null });
    this.calls.set(id, { call, lines: new Map(), gaps: new Map(), cards: new Map(), checklist: [], end: null, summary: null });
    this.wire.say("call_start", { call });
  }

  #update(id, known) {
    const status = known.call.status === "ended" ? "ended" : pick(this.next, ["answered", "answered", "held", "ended"]);
    const leg = () => ({ state: pick(this.next, ["live", "silent", "no_audio", "stt_down"]), reason: null });
    known.call = { ...known.call, status, operator: pick(this.next, ["1001", "1002"]), ringing: [], legs: { client: leg(), operator: leg() } };
    this.wire.say("call_update", { call: known.call });
  }

  #line(id, known, n) {
    const [leg, number] = [pick(this.next, ["client", "operator"]), Math.floor(n / 8)];
    const before = known.lines.get(`${leg} ${number}`);
    if (before?.final) return;
    const final = this.next() < 0.4;
    const text = `${before?.text ?? ""}слово ${n} `;
    const line = rawLine(leg, number, number * 1000, text, { call_id: id, final, tail: final ? "" : "хвост" });
    known.lines.set(`${leg} ${number}`, line);
    this.wire.say("transcript", line);
  }

  #gap(id, known, n) {
    const [leg, start] = [pick(this.next, ["client", "operator"]), Math.floor(n / 20) * 5000];
    const gap = { call_id: id, leg, start_ms: start, end_ms: start + 200 + n, frames: [1], reason: "нет пакетов" };
    known.gaps.set(`${leg} ${start}`, gap);
    this.wire.say("gap", gap);
  }

  #card(id, known, n) {
    const state = pick(this.next, ["streaming", "complete", "complete", "withdrawn"]);
    const card = rawCard(`${id} s${Math.floor(this.next() * 4)}`, { call_id: id, content: `совет ${n}`, state, verdicts: this.next() < 0.3 ? ["useful"] : [] });
    if (state === "withdrawn") known.cards.delete(card.id);
    else known.cards.set(card.id, card);
    this.wire.say("suggestion", card);
  }

  #rest(id, known, n) {
    const told = pick(this.next, ["checklist", "summary", "call_end", "call_hidden", "level", "system", "weather"]);
    if (told === "checklist") known.checklist = [{ id: "1", title: `шаг ${n}`, done: this.next() < 0.5 }];
    if (told === "summary") known.summary = { need: `нужно ${n}`, outcome: "", actions: ["выслать счёт"] };
    if (told === "call_end") Object.assign(known, { end: { reason: "Клиент положил трубку", duration_ms: n }, call: { ...known.call, status: "ended" } });
    if (told === "call_hidden") this.calls.delete(id);
    if (told === "system") this.system = { ...this.system, stt: { state: pick(this.next, ["up", "down"]), reason: `${n}`, action: null } };
    const members = { checklist: { steps: known.checklist }, summary: known.summary, call_end: known.end, level: { client: 0.5, operator: 0 }, system: this.system }[told];
    this.wire.say(told, { call_id: id, ...members });
  }
}

/** All that a person sees; not when something came, which only who was there can know, nor the levels of a moment. */
function contents({ system, calls }) {
  const seen = [...calls.values()].map(({ call, lines, gaps, cards, steps, end, summary }) => ({
    call, lines, gaps, steps, end, summary, cards: cards.map((card) => ({ ...card, at: null, cursor: null })),
  }));
  return { system, calls: seen.sort((a, b) => a.call.id.localeCompare(b.call.id)) };
}

function play(seed) {
  const next = random(seed);
  const wire = new Wire(next);
  const hub = new HubModel(wire, next);
  const page = new PageModel(wire, next, hub.snapshot);
  page.drain();
  for (let n = 0; n < STEPS; n += 1) {
    hub.step(n);
    if (next() < 0.1) wire.forgotten = wire.log.length; // a restart, or too long ago: only a snapshot helps
    if (next() < 0.5) page.drain();
  }
  page.recover();
  return { page, hub };
}

test("lost, repeated and swapped messages: the page ends in the state of a fresh snapshot", () => {
  const first = Date.now() % 1e9;
  for (let round = 0; round < ROUNDS; round += 1) {
    const seed = first + round * 7919;
    const { page, hub } = play(seed);
    const fresh = reduce(INITIAL, message("snapshot", hub.snapshot()));
    assert.equal(page.link.phase, "online", `seed ${seed}`);
    assert.deepEqual(contents(page.state), contents(fresh), `seed ${seed}`);
  }
});

test("the property can fail: with the chain of cursors ignored, messages go missing", () => {
  let differing = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const next = random(seed);
    const wire = new Wire(next);
    const hub = new HubModel(wire, next);
    let state = reduce(INITIAL, message("snapshot", hub.snapshot()));
    for (let n = 0; n < STEPS; n += 1) hub.step(n);
    for (const sent of wire.queue) state = reduce(state, message(...sent));
    const fresh = reduce(INITIAL, message("snapshot", hub.snapshot()));
    differing += JSON.stringify(contents(state)) === JSON.stringify(contents(fresh)) ? 0 : 1;
  }
  assert.ok(differing >= 15, `${differing} of 20`);
});

test("events repeated and shuffled among utterances end in the state of a snapshot, without any connection", () => {
  const seed = Date.now() % 1e9;
  const next = random(seed);
  const [finals, said] = [[], []];
  for (let n = 0; n < 60; n += 1) {
    const final = rawLine(next() < 0.5 ? "client" : "operator", n, Math.floor(next() * 60_000), `слово ${n} и ещё`);
    const gap = { call_id: "c1", leg: final.leg, start_ms: n * 1000, end_ms: n * 1000 + 300, frames: [n], reason: "" };
    finals.push(final);
    said.push(["transcript", { ...final, text: "", tail: "сло", final: false }], ["transcript", final], ["gap", gap]);
  }
  const shuffled = [...said, ...said].map((item) => [next(), item]).sort(([a], [b]) => a - b).map(([, item]) => message(...item));
  const gaps = said.filter(([type]) => type === "gap").map(([, gap]) => gap);
  const opened = reduce(INITIAL, message("snapshot", { epoch: "e1", calls: [snapshotCall(rawCall())] }));
  const fresh = reduce(INITIAL, message("snapshot", { epoch: "e1", calls: [snapshotCall(rawCall(), { transcript: finals, gaps })] }));
  assert.deepEqual(contents(shuffled.reduce(reduce, opened)), contents(fresh), `seed ${seed}`);
});
