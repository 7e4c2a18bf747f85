/**
 * Pure. What a screen reader is told besides what it reads: finals one by one, urgent cards at most every ten seconds
 * (the newest wins), so that an alert never talks over the client.
 */
export const ALERT_INTERVAL_MS = 10_000;
const LOG_LINES = 20;
const LOOK_BACK = 50; // a final that lands further up than this many lines is not read aloud

export const QUIET = Object.freeze({ call: null, lines: [], log: [], alert: null, alertedAt: -Infinity, alerted: null });

/** The next announcements for the call on screen (`view` null: none) at `now` (monotonic ms). */
export function announce(said, view, now) {
  if (!view) return said.call === null ? said : { ...QUIET, alertedAt: said.alertedAt };
  const opening = said.call !== view.call.id;
  return alertUrgent(logFinals(opening ? begin(said, view) : said, view), view, now, opening);
}

/** A call that is opened is not read aloud from its beginning. */
function begin(said, view) {
  return { ...QUIET, call: view.call.id, lines: view.lines, alertedAt: said.alertedAt };
}

function logFinals(said, view) {
  if (said.lines === view.lines) return said;
  const heard = new Set(said.lines.slice(-2 * LOOK_BACK));
  const fresh = view.lines.slice(-LOOK_BACK).filter((line) => line.final && line.text !== "" && !heard.has(line));
  return { ...said, lines: view.lines, log: fresh.length > 0 ? [...said.log, ...fresh].slice(-LOG_LINES) : said.log };
}

function alertUrgent(said, view, now, opening) {
  const card = view.cards.findLast((item) => item.priority === "high" && item.state === "complete");
  if (!card || card.id === said.alerted) return said;
  if (opening) return { ...said, alerted: card.id };
  if (now - said.alertedAt < ALERT_INTERVAL_MS) return said;
  return { ...said, alert: card, alerted: card.id, alertedAt: now };
}
