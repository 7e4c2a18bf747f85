/**
 * Pure. The page is a fold of messages: `reduce(state, message) → state`. States are values: nothing in one is ever
 * changed, so what did not change is the same object and a view can compare by identity.
 *
 * A repeated message gives the same state. Order is the connection's business (link.js: a broken chain of cursors
 * reopens); only what the contract itself orders is held here: a final line never changes, confirmed text only grows,
 * an ended call stays ended.
 *
 * State:  {epoch, mode, me, system, ready, calls: Map(id → view), counts}
 * View:   {call, lines, gaps, cards, steps, level, end, summary, endedAt, legSince, statusSince}
 *   lines   sorted by (start, leg, utterance); one per (leg, utterance)
 *   gaps    sorted by start; one per (leg, start)
 *   cards   oldest first; `at` and `cursor` are those of the card's first message, null when it came in a snapshot
 */
import { COMPONENTS, LEGS } from "./parse.js";

export const MAX_ENDED_CALLS = 30; // a tab stays open for months: the oldest ended calls go first
const MAX_UNKNOWN_NAMES = 20;

export const INITIAL = Object.freeze({
  epoch: null,
  mode: "live",
  me: { name: "", role: "operator", extensions: [], open: false },
  system: Object.fromEntries(COMPONENTS.map((name) => [name, { state: "up", reason: null, action: null }])),
  ready: false,
  calls: new Map(),
  counts: { unknown: new Map(), malformed: 0, orphan: 0 },
});

/** The state after a message of `parse`. */
export function reduce(state, message) {
  const apply = HANDLERS.get(message.type);
  return apply ? apply(state, message) : state;
}

const HANDLERS = new Map([
  ["snapshot", onSnapshot],
  ["system", (state, { system }) => ({ ...state, system })],
  ["call_start", onCall],
  ["call_update", onCall],
  ["call_hidden", onHidden],
  ["call_end", (state, message) => changeView(state, message, (view) => endView(view, message.end, message.at))],
  ["transcript", (state, message) => changeView(state, message, (view) => set(view, "lines", putLine(view.lines, message.line)))],
  ["gap", (state, message) => changeView(state, message, (view) => set(view, "gaps", putGap(view.gaps, message.gap)))],
  ["suggestion", (state, message) => changeView(state, message, (view) => set(view, "cards", putCard(view.cards, message)))],
  ["checklist", (state, message) => changeView(state, message, (view) => set(view, "steps", message.steps))],
  ["summary", (state, message) => changeView(state, message, (view) => set(view, "summary", message.summary))],
  ["level", (state, message) => changeView(state, message, (view) => set(view, "level", message.level))],
  ["unknown", onUnknown],
  ["malformed", (state) => count(state, "malformed")],
]);

function onSnapshot(state, message) {
  const { epoch, mode, me, system } = message;
  const calls = new Map(message.calls.map((raw) => [raw.call.id, openView(raw, message.at)]));
  return { ...state, epoch, mode, me, system, ready: true, calls: dropOldEnded(calls) };
}

function openView(raw, at) {
  const view = {
    ...emptyView(raw.call),
    lines: raw.lines.reduce(putLine, []),
    gaps: raw.gaps.reduce(putGap, []),
    cards: raw.cards.reduce((cards, card) => putCard(cards, { card, at: null, cursor: null }), []),
    steps: raw.steps,
    summary: raw.summary,
    endedAt: raw.call.status === "ended" ? at : null,
  };
  return raw.end ? endView(view, raw.end, at) : view;
}

function emptyView(call) {
  return {
    call,
    lines: [],
    gaps: [],
    cards: [],
    steps: [],
    level: { client: 0, operator: 0 },
    end: null,
    summary: null,
    endedAt: null,
    legSince: { client: null, operator: null },
    statusSince: null,
  };
}

function onCall(state, message) {
  const known = state.calls.get(message.call.id);
  const view = known ? updateCall(known, message.call, message.at) : updateCall(emptyView(message.call), message.call, message.at);
  return putView(state, view);
}

function updateCall(view, call, at) {
  const status = view.call.status === "ended" ? "ended" : call.status;
  const since = LEGS.map((leg) => {
    const same = view.call.legs[leg].state === call.legs[leg].state && view.legSince[leg] !== null;
    return [leg, same ? view.legSince[leg] : at];
  });
  return {
    ...view,
    call: { ...call, status },
    statusSince: view.call.status === status && view.statusSince !== null ? view.statusSince : at,
    endedAt: status === "ended" ? view.endedAt ?? at : null,
    legSince: Object.fromEntries(since),
  };
}

function endView(view, end, at) {
  return { ...view, end, call: { ...view.call, status: "ended" }, endedAt: view.endedAt ?? at };
}

function onHidden(state, { call_id: id }) {
  if (!state.calls.has(id)) return state;
  const calls = new Map(state.calls);
  calls.delete(id);
  return { ...state, calls };
}

/** `change` applied to the message's call; a message of an unknown call is counted. */
function changeView(state, message, change) {
  const view = state.calls.get(message.call_id);
  if (!view) return count(state, "orphan");
  const changed = change(view);
  return changed === view ? state : putView(state, changed);
}

function putView(state, view) {
  const calls = new Map(state.calls).set(view.call.id, view);
  return { ...state, calls: view.call.status === "ended" ? dropOldEnded(calls) : calls };
}

function dropOldEnded(calls) {
  const ended = [...calls.values()].filter((view) => view.call.status === "ended");
  if (ended.length <= MAX_ENDED_CALLS) return calls;
  ended.sort((a, b) => (a.endedAt ?? "").localeCompare(b.endedAt ?? ""));
  for (const view of ended.slice(0, ended.length - MAX_ENDED_CALLS)) calls.delete(view.call.id);
  return calls;
}

function set(view, member, value) {
  return view[member] === value ? view : { ...view, [member]: value };
}

function putLine(lines, line) {
  const at = lines.findLastIndex((known) => known.leg === line.leg && known.utterance === line.utterance);
  if (at < 0) return insert(lines, line, beforeLine);
  const known = lines[at];
  const stale = known.final || (!line.final && line.text.length < known.text.length);
  if (stale || same(known, line)) return lines;
  return known.start_ms === line.start_ms ? lines.with(at, line) : insert(lines.toSpliced(at, 1), line, beforeLine);
}

function beforeLine(a, b) {
  return a.start_ms - b.start_ms || a.leg.localeCompare(b.leg) || a.utterance - b.utterance;
}

function putGap(gaps, gap) {
  const at = gaps.findLastIndex((known) => known.leg === gap.leg && known.start_ms === gap.start_ms);
  if (at < 0) return insert(gaps, gap, (a, b) => a.start_ms - b.start_ms || a.leg.localeCompare(b.leg));
  return same(gaps[at], gap) ? gaps : gaps.with(at, gap);
}

/** Into a sorted array; from the end, where new things belong. */
function insert(items, item, compare) {
  return items.toSpliced(items.findLastIndex((known) => compare(known, item) <= 0) + 1, 0, item);
}

function putCard(cards, { card, at, cursor }) {
  const index = cards.findIndex((known) => known.id === card.id);
  if (card.state === "withdrawn") return index < 0 ? cards : cards.toSpliced(index, 1);
  if (index < 0) return [...cards, { ...card, at, cursor }];
  const known = cards[index];
  return cards.with(index, { ...card, at: known.at, cursor: known.cursor });
}

/** Flat objects with the same members. */
function same(a, b) {
  return Object.keys(a).every((name) => a[name] === b[name]);
}

function onUnknown(state, { name }) {
  const unknown = new Map(state.counts.unknown);
  const key = unknown.has(name) || unknown.size < MAX_UNKNOWN_NAMES ? name : "…";
  unknown.set(key, (unknown.get(key) ?? 0) + 1);
  return { ...state, counts: { ...state.counts, unknown } };
}

function count(state, what) {
  return { ...state, counts: { ...state.counts, [what]: state.counts[what] + 1 } };
}
