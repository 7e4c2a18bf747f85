/**
 * Pure. What was done with a card: the server's `verdicts` and, over them, what was clicked on this page (`marks`),
 * so that a click shows at once and is not undone by an older message on its way.
 *
 * marks: Map(card id → {given: verdicts in order, lifted: Set of verdicts taken back}). Marks are values.
 */
export const NO_MARKS = Object.freeze(new Map());
const LIFTABLE = ["pinned", "dismissed"]; // for this page only: the contract has no verdict for it

/** Marks after a click; a second click on a pinned or hidden card takes that back. */
export function mark(marks, card, verdict) {
  const { given, lifted } = marks.get(card.id) ?? { given: [], lifted: new Set() };
  const lift = LIFTABLE.includes(verdict) && has(card, verdict, marks);
  const others = given.filter((known) => known !== verdict);
  const nowLifted = new Set(lifted);
  if (lift) nowLifted.add(verdict);
  else nowLifted.delete(verdict);
  return new Map(marks).set(card.id, { given: lift ? others : [...others, verdict], lifted: nowLifted });
}

export function has(card, verdict, marks) {
  const own = marks.get(card.id);
  if (own?.lifted.has(verdict)) return false;
  return card.verdicts.includes(verdict) || (own?.given.includes(verdict) ?? false);
}

/** `useful`, `useless` or null: the later of the two counts. */
export function rating(card, marks) {
  const all = [...card.verdicts, ...(marks.get(card.id)?.given ?? [])];
  return all.findLast((verdict) => verdict === "useful" || verdict === "useless") ?? null;
}
