import assert from "node:assert/strict";
import { test } from "node:test";
import { ALERT_INTERVAL_MS, QUIET, announce } from "../../webui/announce.js";
import { INITIAL, reduce } from "../../webui/reduce.js";
import { message, rawCall, rawCard, rawLine, snapshot, snapshotCall } from "./messages.mjs";

const opened = snapshot([snapshotCall(rawCall(), { transcript: [rawLine("client", 1, 0, "было")] })]);
const view = (...messages) => [opened, ...messages].reduce(reduce, INITIAL).calls.get("c1");
const said = (...views) => views.reduce((before, now, n) => announce(before, now, n * 100), QUIET);
const spoken = ({ log }) => log.map((line) => line.text);

const partial = message("transcript", rawLine("client", 2, 1000, "Это", { final: false }));
const final = message("transcript", rawLine("client", 2, 1000, "Это дорого."));
const card = (id, changes) => message("suggestion", rawCard(id, changes));

test("finals are read, partials and what was said before are not", () => {
  const state = view(partial);
  assert.deepEqual(spoken(said(view(), state)), []);
  const ended = reduce({ ...INITIAL, calls: new Map([["c1", state]]) }, final).calls.get("c1");
  assert.deepEqual(spoken(said(view(), state, ended)), ["Это дорого."]);
});

test("a final is read once, whatever changes besides", () => {
  let state = [opened, final].reduce(reduce, INITIAL);
  const after = said(reduce(INITIAL, opened).calls.get("c1"), state.calls.get("c1"));
  state = reduce(state, message("level", { call_id: "c1", client: 1, operator: 0 }));
  assert.equal(announce(after, state.calls.get("c1"), 900).log, after.log);
});

test("the log of what was read is bounded", () => {
  const opening = reduce(INITIAL, opened);
  let [state, heard] = [opening, said(opening.calls.get("c1"))];
  for (let n = 2; n < 60; n += 1) {
    state = reduce(state, message("transcript", rawLine("client", n, n * 1000, `слово ${n}`)));
    heard = announce(heard, state.calls.get("c1"), 0);
  }
  assert.deepEqual([heard.log.length, heard.log.at(-1).text], [20, "слово 59"]);
});

test("an urgent card is announced once it is complete, others never", () => {
  const quiet = said(view(), view(card("a", { priority: "medium" }), card("b", { state: "streaming" })));
  assert.equal(quiet.alert, null);
  assert.equal(announce(quiet, view(card("b")), 200).alert.id, "b");
});

test("urgent cards come at most every ten seconds, and the newest then", () => {
  const first = said(view(), view(card("a")));
  assert.equal(first.alert.id, "a");
  const soon = announce(first, view(card("a"), card("b")), first.alertedAt + ALERT_INTERVAL_MS - 1);
  assert.equal(soon.alert.id, "a");
  assert.equal(announce(soon, view(card("a"), card("b"), card("c")), first.alertedAt + ALERT_INTERVAL_MS).alert.id, "c");
});

test("opening a call announces nothing of it; closing it ends the log", () => {
  const heard = said(view(final, card("a")));
  assert.deepEqual([heard.log, heard.alert], [[], null]);
  assert.equal(announce(heard, null, 0).call, null);
  assert.equal(announce(QUIET, null, 0), QUIET);
});
