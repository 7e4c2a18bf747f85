/**
 * Pure. How far this computer's clock is ahead of the server's: timers count from the server's times of day, and
 * an office PC may be minutes off. The sample that travelled fastest is the truest; the newest twelve count, so a
 * corrected clock is noticed within a minute (heartbeats come every 5 s).
 */
const SAMPLES = 12;

export const NO_SAMPLES = Object.freeze([]);

/** The samples after a heartbeat stamped `at` (RFC 3339) that arrived at `wallNow` (ms). */
export function sample(samples, at, wallNow) {
  const sent = Date.parse(at);
  return Number.isNaN(sent) ? samples : [...samples, wallNow - sent].slice(-SAMPLES);
}

/** The server's time of day, in ms, when here it is `wallNow`. */
export function serverNow(samples, wallNow) {
  return samples.length === 0 ? wallNow : wallNow - Math.min(...samples);
}
