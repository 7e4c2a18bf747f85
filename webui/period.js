/** Pure. Days as people name them (local, `2026-11-22`) and the moments that the server is asked for. */

/** The local day of a moment (ms), `days` later. */
export function dayOf(ms, days = 0) {
  const date = new Date(ms);
  const day = new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** The moment in which a day begins, `days` later; empty for what is no day. */
export function beginOf(day, days = 0) {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "");
  if (!parts) return "";
  const [, year, month, date] = parts.map(Number);
  const begin = new Date(year, month - 1, date + days);
  return Number.isNaN(begin.getTime()) || begin.getFullYear() < 1970 ? "" : begin.toISOString();
}

/** `from` and `to` of a request for the days from the first to the last, both included. */
export function between(first, last) {
  return { from: beginOf(first), to: beginOf(last, 1) };
}

/** Minutes that local clocks are ahead of UTC at a moment. */
export function offsetOf(ms) {
  return -new Date(ms).getTimezoneOffset();
}

/** Periods that are chosen by one click: name → [first day, last day]. */
export function presets(now) {
  const day = (days) => dayOf(now, days);
  return { today: [day(0), day(0)], yesterday: [day(-1), day(-1)], week: [day(-6), day(0)], month: [day(-29), day(0)] };
}

function two(value) {
  return String(value).padStart(2, "0");
}
