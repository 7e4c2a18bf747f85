import assert from "node:assert/strict";
import { test } from "node:test";
import { lengthOf, lineAt, marksOf, sharesOf, ticksOf } from "../../webui/timeline.js";

const line = (leg, utterance, start_ms, end_ms) => ({ leg, utterance, start_ms, end_ms, text: "слово" });

test("a call is as long as whatever is known of it", () => {
  const transcript = [line("client", 1, 0, 4000)];
  assert.equal(lengthOf({ transcript, gaps: [], end: { duration_ms: 9000 } }), 9000);
  assert.equal(lengthOf({ transcript, gaps: [{ end_ms: 12_000 }], end: { duration_ms: 9000 } }), 12_000);
  assert.equal(lengthOf({ transcript: [], gaps: [], end: null }), 1000);
});

test("who spoke how much: lines that overlap count once, silence is when neither spoke", () => {
  const transcript = [line("client", 1, 0, 4000), line("client", 2, 3000, 5000), line("operator", 1, 4000, 7000)];
  assert.deepEqual(sharesOf(transcript, 10_000), { client: 50, operator: 30, silence: 30 });
  assert.deepEqual(sharesOf([], 10_000), { client: 0, operator: 0, silence: 100 });
});

test("ticks stand at round times and have room", () => {
  assert.deepEqual(ticksOf(27_000, 10), [0, 5000, 10_000, 15_000, 20_000, 25_000]);
  assert.deepEqual(ticksOf(27_000, 2), [0, 15_000]);
  assert.deepEqual(ticksOf(7_200_000, 10).length, 9);
  for (const length of [1000, 61_000, 3_599_000, 40_000_000, 400_000_000]) {
    for (const most of [2, 5, 12]) {
      const ticks = ticksOf(length, most);
      assert.ok(ticks.length <= most + 1, `${ticks.length} ticks of ${length}`);
      assert.ok(ticks.at(-1) <= length);
    }
  }
});

test("a card stands at the end of the client's words that it answers", () => {
  const transcript = [line("client", 1, 0, 4000), line("operator", 2, 5000, 6000)];
  const cards = [{ utterance: 1 }, { utterance: 2 }, { utterance: null }];
  assert.deepEqual(marksOf(cards, transcript), [{ card: cards[0], ms: 4000 }]);
});

test("the line that is being said", () => {
  const [first, over, last] = [line("client", 1, 1000, 5000), line("operator", 1, 2000, 3000), line("client", 2, 8000, 9000)];
  const transcript = [first, over, last];
  assert.equal(lineAt(transcript, 0), null);
  assert.equal(lineAt(transcript, 1500), first);
  assert.equal(lineAt(transcript, 2500), over);
  assert.equal(lineAt(transcript, 4000), first);
  assert.equal(lineAt(transcript, 6000), over, "nobody speaks: the last one before");
  assert.equal(lineAt(transcript, 99_000), last);
});
