/** Pure. What of the state is shown, and where: which call, in which order, which cards in full, which banner. */
import { COMPONENTS } from "./parse.js";
import { dataAge, linkTrouble, trouble } from "./text.js";
import { has } from "./verdicts.js";

export const MAX_FULL_CARDS = 3;
const TOGETHER_MS = 20_000; // cards that came within so long of the newest stay in full beside it
const MIN_GAP_MS = 100; // shorter than a syllable: nobody misses it
const QUIET_LOSS_MS = 2_000; // a reconnect that short needs no banner

/** {live, recent}: live calls in the order they began, ended ones newest first. */
export function sortCalls(calls) {
  const views = [...calls.values()];
  const byStart = (a, b) => (a.call.started_at ?? "").localeCompare(b.call.started_at ?? "");
  return {
    live: views.filter(isLive).sort(byStart),
    recent: views.filter((view) => !isLive(view)).sort((a, b) => (b.endedAt ?? "").localeCompare(a.endedAt ?? "") || byStart(b, a)),
  };
}

export function isLive(view) {
  return view.call.status !== "ended";
}

/** 2: I am on this live call; 1: it rings at mine; 0: neither. */
export function claimOf(view, extensions) {
  if (!isLive(view)) return 0;
  if (extensions.includes(view.call.operator)) return 2;
  return view.call.ringing.some((extension) => extensions.includes(extension)) ? 1 : 0;
}

/**
 * Id of the call to show, null without any. The person's own call by itself; a `chosen` one stays until it has ended
 * and a call of his own begins; whoever has no own call keeps the `shown` one until its last words are in.
 */
export function activeCall(calls, extensions, chosen, shown) {
  const own = ownCall(calls, extensions, shown);
  const choice = calls.get(chosen);
  if (choice && (isLive(choice) || own === null)) return chosen;
  if (own !== null) return own;
  const current = calls.get(shown);
  if (current && (isLive(current) || current.end === null || extensions.length > 0)) return shown;
  const next = firstOf(sortCalls(calls).live, (view) => view.call.status !== "ringing");
  return next ?? (current ? shown : sortCalls(calls).recent[0]?.call.id ?? null);
}

/** The call to which the page would go by itself, null for none. */
export function ownCall(calls, extensions, shown) {
  const claims = [...calls.values()].map((view) => ({ view, rank: claimOf(view, extensions) }));
  const rank = Math.max(0, ...claims.map((item) => item.rank));
  if (rank === 0) return null;
  const best = claims.filter((item) => item.rank === rank).map((item) => item.view);
  if (best.some((view) => view.call.id === shown)) return shown;
  return sortCalls(new Map(best.map((view) => [view.call.id, view]))).live.at(-1).call.id;
}

function firstOf(views, preferred) {
  return (views.find(preferred) ?? views[0])?.call.id ?? null;
}

/** Ms that a call's timer shows: since the answer, before it since the start; fixed from the end on. */
export function callMs(view, now) {
  if (view.end) return view.end.duration_ms;
  const from = Date.parse(view.call.answered_at ?? view.call.started_at);
  const to = view.endedAt === null ? now : Date.parse(view.endedAt);
  return Number.isNaN(to - from) ? 0 : to - from;
}

/**
 * {full, folded, hidden}: newest first. In full: the newest card, pinned ones, ones that came together with the newest;
 * at most three. `marks` as in verdicts.js.
 */
export function sortCards(cards, marks) {
  const newestFirst = [...cards].reverse();
  const shown = newestFirst.filter((card) => !has(card, "dismissed", marks));
  const hidden = newestFirst.filter((card) => has(card, "dismissed", marks));
  const [newest, ...others] = shown;
  const pinned = others.filter((card) => has(card, "pinned", marks));
  const fresh = others.filter((card) => !pinned.includes(card) && together(card, newest));
  const full = new Set([newest, ...pinned, ...fresh].slice(0, MAX_FULL_CARDS));
  return { full: shown.filter((card) => full.has(card)), folded: shown.filter((card) => !full.has(card)), hidden };
}

function together(card, newest) {
  const apart = Date.parse(newest.at) - Date.parse(card.at);
  return Number.isNaN(apart) || apart < TOGETHER_MS;
}

const rowsOf = new WeakMap(); // view's lines → {gaps, rows}: the merge is done once per change, not per frame

/** Lines and gaps of a call in order of time: [{line}|{gap}], neighbouring gaps of a leg as one (`ms` their sum). */
export function rows({ lines, gaps }) {
  const known = rowsOf.get(lines);
  if (known?.gaps === gaps) return known.rows;
  const merged = merge(lines, gaps);
  rowsOf.set(lines, { gaps, rows: merged });
  return merged;
}

function merge(lines, gaps) {
  const merged = [];
  let next = 0;
  for (const line of lines) {
    while (next < gaps.length && gaps[next].start_ms < line.start_ms) addGap(merged, gaps[next++]);
    if (line.text !== "" || line.tail !== "") merged.push(line);
  }
  while (next < gaps.length) addGap(merged, gaps[next++]);
  return merged.filter((row) => !("gap_ms" in row) || row.gap_ms >= MIN_GAP_MS);
}

function addGap(merged, gap) {
  const last = merged.at(-1);
  const ms = gap.end_ms - gap.start_ms;
  if (last && "gap_ms" in last && last.leg === gap.leg) merged[merged.length - 1] = { ...last, gap_ms: last.gap_ms + ms };
  else merged.push({ leg: gap.leg, start_ms: gap.start_ms, gap_ms: ms, reason: gap.reason });
}

const WORST_FIRST = ["down", "degraded", "connecting", "off"];

/**
 * The one line above everything: {level: "bad" | "warn" | "info", text, age, more}, null when all is well. `more` holds
 * the other dependencies' sentences. A lost connection comes first: nothing else on the page is true then.
 */
export function banner(state, link, lostAt, now) {
  if (link.phase === "denied") return { level: "bad", text: linkTrouble(link), age: "", more: [] };
  if (link.phase !== "online" && lostAt !== null && now - lostAt >= QUIET_LOSS_MS) {
    const age = link.heardAt === null ? "" : dataAge(now - link.heardAt);
    return { level: "bad", text: linkTrouble(link), age, more: [] };
  }
  const troubles = COMPONENTS.filter((name) => isTrouble(state.system[name]))
    .sort((a, b) => worst(state.system[a]) - worst(state.system[b]));
  if (!state.ready || troubles.length === 0) return null;
  const [first, ...more] = troubles.map((name) => trouble(name, state.system[name]));
  return { level: level(state.system[troubles[0]]), text: first, age: "", more };
}

/** What is off without a reason or a cure is off on purpose. */
function isTrouble({ state, reason, action }) {
  return state === "off" ? reason !== null || action !== null : state !== "up";
}

function worst(component) {
  return WORST_FIRST.indexOf(component.state);
}

function level({ state }) {
  if (state === "down") return "bad";
  return state === "off" ? "info" : "warn";
}
