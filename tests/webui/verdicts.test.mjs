import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_MARKS, has, mark, rating } from "../../webui/verdicts.js";

const card = (...verdicts) => ({ id: "s1", verdicts });

test("what the server knows counts, and so does a click", () => {
  assert.equal(has(card("pinned"), "pinned", NO_MARKS), true);
  assert.equal(has(card(), "pinned", NO_MARKS), false);
  assert.equal(has(card(), "pinned", mark(NO_MARKS, card(), "pinned")), true);
  assert.equal(has({ id: "s2", verdicts: [] }, "pinned", mark(NO_MARKS, card(), "pinned")), false);
});

test("a second click takes a pin back, a third sets it again, whatever the server repeats meanwhile", () => {
  const once = mark(NO_MARKS, card(), "pinned");
  const twice = mark(once, card("pinned"), "pinned");
  assert.equal(has(card("pinned"), "pinned", twice), false);
  assert.equal(has(card("pinned"), "pinned", mark(twice, card("pinned"), "pinned")), true);
});

test("a verdict given twice stays given", () => {
  const twice = mark(mark(NO_MARKS, card(), "copied"), card(), "copied");
  assert.equal(has(card(), "copied", twice), true);
});

test("the later of useful and useless counts", () => {
  assert.equal(rating(card(), NO_MARKS), null);
  assert.equal(rating(card("useless", "useful", "copied"), NO_MARKS), "useful");
  const changed = mark(mark(mark(NO_MARKS, card(), "useful"), card(), "useless"), card(), "useful");
  assert.equal(rating(card("useless"), changed), "useful");
});

test("marks are values", () => {
  const before = mark(NO_MARKS, card(), "useful");
  mark(before, card(), "pinned");
  assert.equal(has(card(), "pinned", before), false);
  assert.equal(NO_MARKS.size, 0);
});
