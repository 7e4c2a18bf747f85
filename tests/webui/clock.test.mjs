import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_SAMPLES, sample, serverNow } from "../../webui/clock.js";
import { AT, at } from "./messages.mjs";

const sent = Date.parse(AT);

test("without a sample this computer's clock is all there is", () => assert.equal(serverNow(NO_SAMPLES, 77), 77));

test("the sample that travelled fastest counts", () => {
  const samples = [[at(0), sent + 60_900], [at(5), sent + 65_030], [at(10), sent + 70_400]].reduce((known, [stamp, wall]) => sample(known, stamp, wall), NO_SAMPLES);
  assert.equal(serverNow(samples, sent + 100_030), sent + 40_000);
});

test("a clock that was set right is noticed within a minute", () => {
  let samples = sample(NO_SAMPLES, AT, sent - 600_000);
  for (let n = 0; n < 12; n += 1) samples = sample(samples, at(n * 5), sent + n * 5_000);
  assert.equal(serverNow(samples, sent), sent);
});

test("a stamp that is none is no sample", () => assert.equal(sample(NO_SAMPLES, null, 5), NO_SAMPLES));
