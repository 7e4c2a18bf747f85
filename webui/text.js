/** Pure. How numbers, durations, telephone numbers and states are said; the words themselves are in `words/`. */
import { locale, number, said, t } from "./i18n.js";

/** Never by colour alone: the shape and the word say the same. */
export const ICON = { high: "▲", medium: "◆", low: "●" };

/** What can be done with a card, in the order of its buttons, each with its key. */
export const VERDICT_KEYS = { copied: "C", pinned: "P", useful: "1", useless: "2", dismissed: "X" };

const TROUBLED = ["connecting", "silent", "no_audio", "stt_down", "stt_waiting"]; // leg states that have words
const PASSING_MS = 1_500;

/** `+79001234567` → `+7 900 123-45-67`; other countries' and internal numbers as they stand. */
export function phone(digits) {
  if (digits === null) return t("number.hidden");
  const parts = /^\+7(\d{3})(\d{3})(\d{2})(\d{2})$/.exec(digits);
  return parts ? `+7 ${parts[1]} ${parts[2]}-${parts[3]}-${parts[4]}` : digits;
}

/** `02:14`, from an hour on `1:02:14`; negative counts as 0. */
export function timer(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const tail = `${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}`;
  return h > 0 ? `${h}:${tail}` : tail;
}

/** `0,4 с`, `12 с`, `3 мин`, `2 ч`. */
export function duration(ms) {
  if (ms < 9_950) return t("unit.s", { n: number(Math.max(0, ms) / 1000, 1) });
  return wholeDuration(ms);
}

export function wholeDuration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return t("unit.s", { n: seconds });
  if (seconds < 3600) return t("unit.min", { n: Math.floor(seconds / 60) });
  return t("unit.h", { n: Math.floor(seconds / 3600) });
}

/** `сейчас`, `12 с назад`, `3 мин назад`; empty where the time is not known. */
export function ago(at, now) {
  const since = Date.parse(at);
  if (Number.isNaN(since)) return "";
  const ms = now - since;
  return ms < 5_000 ? t("ago.now") : t("ago.past", { span: wholeDuration(ms) });
}

/** Local `14:02`; empty where the time is not known. */
export function timeOfDay(at) {
  return moment(at, { hour: "2-digit", minute: "2-digit" });
}

/** Local `22 нояб., 14:02`; empty where the time is not known. */
export function dateAndTime(at) {
  return moment(at, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

function moment(at, options) {
  const date = new Date(at ?? NaN);
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(locale(), options).format(date);
}

/** What the call is doing: `звонит на 1001, 1002`. */
export function callState(call) {
  if (call.status !== "ringing") return t(`status.${call.status}`);
  if (call.direction === "outbound") {
    return call.operator ? t("status.diallingFrom", { who: party(call.operator) }) : t("status.dialling");
  }
  if (call.ringing.length === 0) return t("status.ringing");
  const [first, second, third, ...rest] = call.ringing.map(party);
  const who = [first, second, third].filter(Boolean).join(", ");
  return rest.length > 0 ? t("status.ringingMore", { who, n: rest.length }) : t("status.ringingOn", { who });
}

/** An extension, or a number that was reached over the trunk. */
export function party(operator) {
  return operator.startsWith("+") ? phone(operator) : operator;
}

/** `входящий · 1001`: what the head of a call says beside its number. */
export function callFacts(call) {
  return [t(`direction.${call.direction}`), call.operator && party(call.operator)].filter(Boolean).join(" · ");
}

/** The company's own number on which this call came in or goes out; empty where it is not known. */
export function dialled(call) {
  const own = call.direction === "inbound" ? call.callee : call.caller;
  if (!own || own === call.client_number || !own.startsWith("+")) return "";
  return t(`dialled.${call.direction}`, { number: phone(own) });
}

/**
 * What is wrong with a leg, for people: {words, since}, null where nothing is or it may pass at once. `since` stands
 * apart because it ticks; `sinceMs` null: not known.
 */
export function legHealth(leg, state, sinceMs) {
  if (!TROUBLED.includes(state) || (sinceMs !== null && sinceMs < PASSING_MS)) return null;
  const timed = (state === "no_audio" || state === "silent") && sinceMs !== null;
  return { words: t(`health.${leg}.${state}`), since: timed ? wholeDuration(sinceMs) : "" };
}

/** `пропуск 1,4 с — потеря пакетов`. */
export function gapWords(ms, reason) {
  return reason ? t("gap.why", { span: duration(ms), reason: said(reason) }) : t("gap", { span: duration(ms) });
}

/** One dependency's trouble as one sentence: what, why, what to do. */
export function trouble(name, { state, reason, action }) {
  return [t(`system.${name}.${state}`), reason, action].filter(Boolean).map(sentence).join(" ");
}

function sentence(words) {
  const trimmed = words.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

/** The connection's banner; the age of the data stands apart, because it ticks. */
export function linkTrouble(link) {
  if (link.phase === "denied") return [t("link.refused"), link.reason].filter(Boolean).join(" ");
  return t("link.lost");
}

/** Why signing in did not work: `status` of the answer (0: none came), its `Retry-After`, the server's own words. */
export function signInTrouble(status, retryAfter, words) {
  if (status === 401) return t("sign.wrong");
  if (status === 429) return t("sign.tooMany", { span: wholeDuration(Number(retryAfter) * 1000 || 60_000) });
  if (status === 409) return t("sign.noUsers");
  if (status === 403) return [t("link.refused"), words].filter(Boolean).join(" ");
  return t("sign.noAnswer");
}

export function dataAge(ms) {
  return t("link.age", { span: wholeDuration(ms) });
}

/** What the screen reader is told of an urgent card. */
export function urgent({ priority, title, content }) {
  return t("hints.urgent", { word: t(`priority.${priority}`), title, content });
}
