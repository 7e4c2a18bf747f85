/** Pure. A live call as a tile of the supervisor's wall: who speaks, the last words, what needs somebody's eye. */
import { LEGS } from "./parse.js";
import { callMs, isLive } from "./select.js";
import { legHealth, wholeDuration } from "./text.js";
import { t } from "./i18n.js";
import { NO_MARKS, has, rating } from "./verdicts.js";

const LAST_WORDS = 140; // characters: more than two lines of a tile
const SPEAKS_FROM = 0.06; // of full scale
const LONG_RING_MS = 20_000;
const LONG_HOLD_MS = 60_000;
const LONG_SILENCE_MS = 20_000;
const URGENT_FOR_MS = 60_000; // so long an urgent hint that nobody judged is worth a look

/**
 * {speaker: leg | null, last: {leg, text, tail} | null, ms, alerts: [{level: "bad" | "warn", words, since}]}, worst first. `since`
 * stands apart because it ticks.
 */
export function tile(view, now) {
  return { speaker: speaker(view.level), last: ending(view.lines.at(-1)), ms: callMs(view, now), alerts: alerts(view, now) };
}

/** The newest words of a line, as many as a tile has room for. */
function ending(line) {
  if (!line) return null;
  const { leg, text, tail } = line;
  const tooLong = text.length + tail.length - LAST_WORDS;
  if (tooLong <= 0) return { leg, text, tail };
  const from = text.indexOf(" ", tooLong);
  return { leg, text: from < 0 ? "…" : `…${text.slice(from)}`, tail };
}

/** How many live calls there are: {talking, ringing, troubled}. */
export function counts(views, now) {
  const live = views.filter(isLive);
  const ringing = live.filter((view) => view.call.status === "ringing").length;
  return { talking: live.length - ringing, ringing, troubled: live.filter((view) => alerts(view, now).length > 0).length };
}

function speaker({ client, operator }) {
  if (Math.max(client, operator) < SPEAKS_FROM) return null;
  return client >= operator ? "client" : "operator";
}

function alerts(view, now) {
  const found = [...LEGS.map((leg) => legAlert(view, leg, now)), waitingAlert(view, now), urgentAlert(view, now)];
  return found.filter(Boolean).sort((a, b) => (a.level === b.level ? 0 : a.level === "bad" ? -1 : 1));
}

function legAlert(view, leg, now) {
  const { state } = view.call.legs[leg];
  const since = view.legSince[leg] === null ? null : now - Date.parse(view.legSince[leg]);
  const patient = state === "connecting" || (state === "silent" && (since ?? 0) < LONG_SILENCE_MS);
  const wrong = patient ? null : legHealth(leg, state, since);
  return wrong && { level: state === "no_audio" || state === "stt_down" ? "bad" : "warn", words: wrong.words, since: wrong.since };
}

function waitingAlert({ call, statusSince }, now) {
  const limit = { ringing: LONG_RING_MS, held: LONG_HOLD_MS }[call.status];
  const ms = now - Date.parse(call.status === "ringing" ? call.started_at : statusSince);
  if (limit === undefined || !(ms >= limit)) return null;
  return { level: "warn", words: t(call.status === "ringing" ? "wall.longRing" : "wall.longHold"), since: wholeDuration(ms) };
}

function urgentAlert({ cards }, now) {
  const card = cards.findLast((item) => item.priority === "high" && item.kind !== "whisper");
  if (!card || rating(card, NO_MARKS) || has(card, "dismissed", NO_MARKS)) return null;
  return now - Date.parse(card.at) < URGENT_FOR_MS ? { level: "warn", words: card.title, since: "" } : null;
}
