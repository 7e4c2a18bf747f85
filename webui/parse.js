/**
 * Pure. The border of the page: a WebSocket text frame → a message whose members have the types that the contract
 * names (docs/websocket.md). Past this file nothing checks shapes again.
 *
 * Speech, names and LLM text are hostile input: they stay strings, and words that choose a style or a phrase
 * (`kind`, `leg`, `status` …) are replaced by a known one.
 */

export const LEGS = ["client", "operator"];
const STATUSES = ["ringing", "answered", "held", "ended"];
const SERVICES = ["stt", "llm", "hints", "recording"];
const LEG_STATES = ["connecting", "live", "silent", "no_audio", "stt_down", "stt_waiting", "closed"];
const KINDS = ["other", "objection", "question", "competitor", "price", "timing", "closing", "risk", "whisper"];
const PRIORITIES = ["medium", "low", "high"];
const SOURCES = ["playbook", "llm", "supervisor"];
const CARD_STATES = ["complete", "streaming", "withdrawn"];
const VERDICTS = ["useful", "useless", "copied", "dismissed", "pinned"];
export const COMPONENTS = ["ari", "stt", "llm", "store"];
const COMPONENT_STATES = ["connecting", "up", "degraded", "down", "off"];
const ROLES = ["operator", "supervisor", "admin"];

/**
 * A frame's message, normalised; `{type: "unknown", name}` for a type that is not in the contract and
 * `{type: "malformed", name}` for a known one without what identifies it (both keep the envelope, so the chain of
 * cursors goes on); null for what is no message at all.
 */
export function parse(frame) {
  let raw;
  try {
    raw = JSON.parse(frame);
  } catch {
    return null;
  }
  if (!isObject(raw) || typeof raw.type !== "string") return null;
  const envelope = { cursor: textOrNull(raw.cursor), prev: textOrNull(raw.prev), at: textOrNull(raw.at) };
  const read = READERS.get(raw.type);
  if (!read) return { type: "unknown", name: raw.type.slice(0, 40), ...envelope };
  const members = read(raw);
  if (!members) return { type: "malformed", name: raw.type, ...envelope };
  return { type: raw.type, ...envelope, ...members };
}

const READERS = new Map([
  ["snapshot", readSnapshot],
  ["resumed", (raw) => ({ epoch: textOrNull(raw.epoch) })],
  ["heartbeat", () => ({})],
  ["system", (raw) => ({ system: readSystem(raw) })],
  ["call_start", readCallMessage],
  ["call_update", readCallMessage],
  ["transcript", (raw) => ofCall(raw, { line: readLine(raw) })],
  ["gap", (raw) => ofCall(raw, { gap: readGap(raw) })],
  ["suggestion", (raw) => ofCall(raw, { card: readCard(raw) })],
  ["checklist", (raw) => ofCall(raw, { steps: list(raw.steps, readStep) })],
  ["level", (raw) => ofCall(raw, { level: { client: share(raw.client), operator: share(raw.operator) } })],
  ["call_end", (raw) => ofCall(raw, { end: readEnd(raw) })],
  ["summary", (raw) => ofCall(raw, { summary: readSummary(raw) })],
  ["call_hidden", (raw) => ofCall(raw, {})],
]);

function readSnapshot(raw) {
  return {
    epoch: textOrNull(raw.epoch),
    mode: raw.mode === "demo" ? "demo" : "live",
    me: readMe(raw.me),
    system: readSystem(raw.system),
    calls: list(raw.calls, readSnapshotCall),
  };
}

function readMe(value) {
  const raw = isObject(value) ? value : {};
  return {
    name: text(raw.name),
    role: oneOf(raw.role, ROLES),
    extensions: list(raw.extensions, (extension) => text(extension) || null),
    open: raw.open === true,
  };
}

function readSystem(value) {
  const raw = isObject(value) ? value : {};
  return Object.fromEntries(COMPONENTS.map((name) => [name, readComponent(raw[name])]));
}

function readComponent(value) {
  if (!isObject(value)) return { state: "up", reason: null, action: null };
  return { state: oneOf(value.state, COMPONENT_STATES), reason: textOrNull(value.reason), action: textOrNull(value.action) };
}

function readSnapshotCall(raw) {
  const call = readCall(raw);
  return call && {
    call,
    lines: list(raw.transcript, readLine),
    gaps: list(raw.gaps, readGap),
    cards: list(raw.suggestions, readCard),
    steps: list(raw.checklist, readStep),
    end: isObject(raw.end) ? readEnd(raw.end) : null,
    summary: isObject(raw.summary) ? readSummary(raw.summary) : null,
  };
}

function readCallMessage(raw) {
  const call = readCall(raw.call);
  return call && { call_id: call.id, call };
}

function readCall(raw) {
  if (!isObject(raw) || !text(raw.id)) return null;
  const legs = isObject(raw.legs) ? raw.legs : {};
  return {
    id: text(raw.id),
    client_number: textOrNull(raw.client_number),
    caller: textOrNull(raw.caller),
    callee: textOrNull(raw.callee),
    direction: raw.direction === "outbound" ? "outbound" : "inbound",
    status: oneOf(raw.status, STATUSES),
    ringing: list(raw.ringing, (extension) => text(extension) || null),
    operator: textOrNull(raw.operator),
    started_at: textOrNull(raw.started_at),
    answered_at: textOrNull(raw.answered_at),
    off: list(raw.off, (service) => (SERVICES.includes(service) ? service : null)),
    legs: Object.fromEntries(LEGS.map((leg) => [leg, readLeg(legs[leg])])),
  };
}

function readLeg(value) {
  const raw = isObject(value) ? value : {};
  return { state: oneOf(raw.state, LEG_STATES), reason: textOrNull(raw.reason) };
}

function readLine(raw) {
  if (!isObject(raw) || !LEGS.includes(raw.leg) || !Number.isInteger(raw.utterance)) return null;
  const final = raw.final === true;
  return {
    leg: raw.leg,
    utterance: raw.utterance,
    text: text(raw.text),
    tail: final ? "" : text(raw.tail),
    final,
    start_ms: number(raw.start_ms),
    end_ms: number(raw.end_ms),
  };
}

function readGap(raw) {
  if (!isObject(raw) || !LEGS.includes(raw.leg)) return null;
  return { leg: raw.leg, start_ms: number(raw.start_ms), end_ms: number(raw.end_ms), reason: text(raw.reason) };
}

function readCard(raw) {
  if (!isObject(raw) || !text(raw.id)) return null;
  return {
    id: text(raw.id),
    kind: oneOf(raw.kind, KINDS),
    title: text(raw.title),
    content: text(raw.content),
    priority: oneOf(raw.priority, PRIORITIES),
    source: oneOf(raw.source, SOURCES),
    state: oneOf(raw.state, CARD_STATES),
    utterance: Number.isInteger(raw.utterance) ? raw.utterance : null,
    quote: text(raw.quote),
    verdicts: list(raw.verdicts, (verdict) => (VERDICTS.includes(verdict) ? verdict : null)),
  };
}

function readStep(raw) {
  return isObject(raw) ? { id: text(raw.id), title: text(raw.title), done: raw.done === true } : null;
}

function readEnd(raw) {
  return { reason: text(raw.reason), duration_ms: number(raw.duration_ms) };
}

function readSummary(raw) {
  return { need: text(raw.need), outcome: text(raw.outcome), actions: list(raw.actions, (action) => text(action) || null) };
}

/** `members` under the call's id; null where the id or any member is missing. */
function ofCall(raw, members) {
  if (!text(raw.call_id) || Object.values(members).includes(null)) return null;
  return { call_id: text(raw.call_id), ...members };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value) {
  return typeof value === "string" ? value : "";
}

function textOrNull(value) {
  return typeof value === "string" && value !== "" ? value : null;
}

function number(value) {
  return Number.isFinite(value) ? value : 0;
}

function share(value) {
  return Math.min(1, Math.max(0, number(value)));
}

/** The value where it is one of `allowed`, else the first of them. */
function oneOf(value, allowed) {
  return allowed.includes(value) ? value : allowed[0];
}

function list(value, read) {
  return Array.isArray(value) ? value.map(read).filter((item) => item !== null) : [];
}
