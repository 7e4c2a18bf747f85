/** Messages of the contract for the tests of the pure files, as `parse` returns them. */
import { parse } from "../../webui/parse.js";

export const AT = "2026-11-22T10:00:00.000Z";
const LIVE = { state: "live", reason: null };

export function at(seconds) {
  return new Date(Date.parse(AT) + seconds * 1000).toISOString();
}

export function rawCall(id = "c1", changes = {}) {
  return {
    id,
    client_number: "+79001234567",
    caller: "+79001234567",
    callee: "+79918987423",
    direction: "inbound",
    status: "answered",
    ringing: [],
    operator: "1001",
    started_at: AT,
    answered_at: AT,
    zero_at: AT,
    legs: { client: LIVE, operator: LIVE },
    ...changes,
  };
}

export function rawLine(leg, utterance, startMs, text, changes = {}) {
  return { call_id: "c1", leg, utterance, text, tail: "", final: true, start_ms: startMs, end_ms: startMs + 900, ...changes };
}

export function rawCard(id, changes = {}) {
  return {
    call_id: "c1",
    id,
    kind: "objection",
    title: "Дорого",
    content: "Спросите о монтаже.",
    priority: "high",
    source: "playbook",
    state: "complete",
    utterance: 3,
    quote: "Это дорого",
    verdicts: [],
    ...changes,
  };
}

export function message(type, members = {}, envelope = {}) {
  return parse(JSON.stringify({ type, cursor: "2", prev: "1", at: AT, ...envelope, ...members }));
}

export function snapshot(calls = [], members = {}) {
  return message("snapshot", { epoch: "e1", mode: "live", me: { name: "Анна", role: "operator", extensions: ["1001"] }, calls, ...members });
}

export function snapshotCall(call, members = {}) {
  return { ...call, transcript: [], gaps: [], suggestions: [], checklist: [], end: null, summary: null, ...members };
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
