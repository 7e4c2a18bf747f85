/** Pure. A call as a time line: who spoke when, how much in all, where to put the marks. */

const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Ms from the call's zero to the end of what is known of it; at least one second. */
export function lengthOf({ transcript, gaps, end }) {
  const ends = [...transcript, ...gaps].map((item) => item.end_ms);
  return Math.max(1000, end?.duration_ms ?? 0, ...ends);
}

/** Whole percent of the call: each party's talk, and when neither spoke. */
export function sharesOf(transcript, length) {
  const of = (leg) => Math.round((100 * covered(transcript.filter((line) => line.leg === leg))) / length);
  return { client: of("client"), operator: of("operator"), silence: Math.round((100 * (length - covered(transcript))) / length) };
}

/** Ms that at least one of the lines covers. */
function covered(lines) {
  let [sum, reached] = [0, 0];
  for (const { start_ms, end_ms } of [...lines].sort((a, b) => a.start_ms - b.start_ms)) {
    sum += Math.max(0, end_ms - Math.max(start_ms, reached));
    reached = Math.max(reached, end_ms);
  }
  return sum;
}

/** Ms of the ticks: as many as have room, at round times. */
export function ticksOf(length, most) {
  const step = 1000 * (STEPS_S.find((seconds) => length / 1000 / seconds <= most) ?? STEPS_S.at(-1) * Math.ceil(length / 3_600_000 / most));
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, n) => n * step);
}

/** Where each card belongs: [{card, ms}] at the end of the client's line that it answers; others are left out. */
export function marksOf(suggestions, transcript) {
  const ends = new Map(transcript.filter((line) => line.leg === "client").map((line) => [line.utterance, line.end_ms]));
  return suggestions.filter((card) => ends.has(card.utterance)).map((card) => ({ card, ms: ends.get(card.utterance) }));
}

/** The line that is being said at a moment, else the last one before it; null before the first. */
export function lineAt(transcript, ms) {
  const begun = transcript.filter((line) => line.start_ms <= ms);
  return begun.findLast((line) => ms < line.end_ms) ?? begun.at(-1) ?? null;
}
