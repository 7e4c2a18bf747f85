/** Pure. What the report's numbers mean and how they are laid out: shares, scales, stacked bars. */

/** Whole percent of `part` in `whole`; null where there is nothing to compare. */
export function percent(part, whole) {
  return whole > 0 ? Math.round((100 * part) / whole) : null;
}

/** {client, operator, silence}: whole percent of the conversation that each takes; null without talk. */
export function talkShares({ duration_ms, client_ms, operator_ms }) {
  const whole = Math.max(duration_ms, client_ms + operator_ms);
  if (whole === 0) return null;
  const [client, operator] = [percent(client_ms, whole), percent(operator_ms, whole)];
  return { client, operator, silence: Math.max(0, 100 - client - operator) };
}

/** A round number at or above `most`, and the lines between: {top, lines}. */
export function scaleOf(most, lines = 4) {
  if (!(most > 0)) return { top: 1, lines: [0, 1] };
  const rough = most / lines;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size * lines >= most && (most > lines || size >= 1 || most < 1)) ?? 10 * power;
  const top = step * Math.ceil(most / step);
  return { top, lines: Array.from({ length: Math.round(top / step) + 1 }, (_, n) => n * step) };
}

/** Parts beside each other within `width`: [{x, width, ...part}], parts of 0 left out. */
export function stacked(parts, whole, width) {
  let x = 0;
  return parts
    .filter((part) => part.value > 0)
    .map((part) => {
      const own = whole > 0 ? (part.value / whole) * width : 0;
      const at = { ...part, x, width: own };
      x += own;
      return at;
    });
}

/** Every which label has room, so that at most `most` are written. */
export function everyNth(count, most) {
  return Math.max(1, Math.ceil(count / Math.max(1, most)));
}

/** Of a card: used, useless, and shown without either, in this order; together `shown`. */
export function fates({ shown, used, useless }) {
  const bad = Math.min(useless, shown - used);
  return { used, useless: Math.max(0, bad), rest: Math.max(0, shown - used - Math.max(0, bad)) };
}

/** US dollars: two digits, more where the amount is small. */
export function dollarDigits(usd) {
  return usd !== 0 && Math.abs(usd) < 1 ? 3 : 2;
}

/** The bounds of each bin in seconds: [null, 0], [0, 0.25], … [8, null]. */
export function binBounds(edgesMs) {
  const edges = edgesMs.map((ms) => ms / 1000);
  return [[null, edges[0]], ...edges.map((edge, n) => [edge, edges[n + 1] ?? null])];
}
