import assert from "node:assert/strict";
import { test } from "node:test";
import { beginOf, between, dayOf, offsetOf, presets } from "../../webui/period.js";

const local = (...parts) => new Date(...parts).getTime();

test("a day begins at local midnight, also across months and clock changes", () => {
  assert.equal(beginOf("2026-11-22"), new Date(2026, 10, 22).toISOString());
  assert.equal(beginOf("2026-11-30", 1), new Date(2026, 11, 1).toISOString());
  assert.equal(beginOf("2026-03-29", 1), new Date(2026, 2, 30).toISOString());
});

test("what is no day has no beginning", () => {
  for (const nonsense of ["", "22.11.2026", "2026-1-2", "0001-01-01", null, undefined, "2026-11-22T10:00"]) {
    assert.equal(beginOf(nonsense), "");
  }
});

test("the last day is included", () => {
  assert.deepEqual(between("2026-11-22", "2026-11-22"), { from: beginOf("2026-11-22"), to: beginOf("2026-11-23") });
  assert.deepEqual(between(undefined, ""), { from: "", to: "" });
});

test("days of a moment", () => {
  const late = local(2026, 10, 30, 23, 59, 59);
  assert.equal(dayOf(late), "2026-11-30");
  assert.equal(dayOf(late, 1), "2026-12-01");
  assert.equal(dayOf(late, -30), "2026-10-31");
  assert.equal(offsetOf(late), -new Date(late).getTimezoneOffset());
});

test("periods of one click end today and hold as many days as they say", () => {
  const now = local(2026, 10, 27, 12);
  assert.deepEqual(presets(now), {
    today: ["2026-11-27", "2026-11-27"],
    yesterday: ["2026-11-26", "2026-11-26"],
    week: ["2026-11-21", "2026-11-27"],
    month: ["2026-10-29", "2026-11-27"],
  });
});
