import assert from "node:assert/strict";
import { test } from "node:test";
import { binBounds, dollarDigits, everyNth, fates, percent, scaleOf, stacked, talkShares } from "../../webui/figures.js";

test("percent", () => {
  assert.equal(percent(1, 3), 33);
  assert.equal(percent(0, 0), null);
});

test("shares of a talk are a whole, also where both speak at once", () => {
  assert.deepEqual(talkShares({ duration_ms: 10_000, client_ms: 3000, operator_ms: 4000 }), { client: 30, operator: 40, silence: 30 });
  const crowded = talkShares({ duration_ms: 10_000, client_ms: 9000, operator_ms: 6000 });
  assert.deepEqual(crowded, { client: 60, operator: 40, silence: 0 });
  assert.equal(talkShares({ duration_ms: 0, client_ms: 0, operator_ms: 0 }), null);
});

test("a scale holds its largest value, has round lines, and whole ones for counts", () => {
  for (const most of [1, 2, 3, 4, 5, 7, 12, 99, 100, 101, 1439, 0.037, 0.4, 1.5]) {
    const { top, lines } = scaleOf(most);
    assert.ok(top >= most && top <= most * 2.6 + 1, `${top} for ${most}`);
    assert.ok(lines.length >= 2 && lines.length <= 6, `${lines} for ${most}`);
    assert.ok(Math.abs(lines.at(-1) - top) < 1e-9);
  }
  assert.deepEqual(scaleOf(12).lines, [0, 5, 10, 15]);
  assert.deepEqual(scaleOf(3).lines, [0, 1, 2, 3]);
  assert.deepEqual(scaleOf(0), { top: 1, lines: [0, 1] });
  assert.deepEqual(scaleOf(Number.NaN), { top: 1, lines: [0, 1] });
});

test("parts stand beside each other", () => {
  const parts = [{ name: "a", value: 1 }, { name: "none", value: 0 }, { name: "b", value: 3 }];
  assert.deepEqual(stacked(parts, 8, 80), [{ name: "a", value: 1, x: 0, width: 10 }, { name: "b", value: 3, x: 10, width: 30 }]);
  assert.deepEqual(stacked([{ name: "a", value: 1 }], 0, 80), [{ name: "a", value: 1, x: 0, width: 0 }]);
});

test("labels are left out where they have no room", () => {
  assert.equal(everyNth(7, 10), 1);
  assert.equal(everyNth(30, 10), 3);
  assert.equal(everyNth(3, 0), 3);
});

test("what became of cards adds up to what was shown", () => {
  assert.deepEqual(fates({ shown: 10, used: 4, useless: 3 }), { used: 4, useless: 3, rest: 3 });
  assert.deepEqual(fates({ shown: 5, used: 4, useless: 3 }), { used: 4, useless: 1, rest: 0 }, "first used, then called useless");
});

test("small sums have more digits", () => {
  assert.deepEqual([0, 0.037, 1, 25].map(dollarDigits), [2, 3, 2, 2]);
});

test("bins of a histogram", () => {
  assert.deepEqual(binBounds([0, 250, 8000]), [[null, 0], [0, 0.25], [0.25, 8], [8, null]]);
});
