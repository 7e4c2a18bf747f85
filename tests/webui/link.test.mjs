import assert from "node:assert/strict";
import { test } from "node:test";
import { CONNECT_TIMEOUT_MS, SILENCE_MS, delay, newLink, step } from "../../webui/link.js";
import { message, snapshot } from "./messages.mjs";

/** Feeds inputs one after the other; the link and the commands of the last one. */
function run(link, ...inputs) {
  let result = { link, commands: [] };
  for (const input of inputs) result = step(result.link, { now: 0, random: 0, ...input });
  return result;
}

const types = (commands) => commands.map((command) => command.type);
const online = () => run(newLink(), { type: "tick" }, { type: "opened" }, { type: "message", message: snapshot() }).link;

test("it opens at once, delivers the snapshot and follows the chain", () => {
  const first = run(newLink(), { type: "tick" });
  assert.deepEqual(first.commands, [{ type: "open", query: {} }]);
  const link = online();
  assert.deepEqual([link.phase, link.cursor, link.epoch], ["online", "2", "e1"]);
  const next = run(link, { type: "message", message: message("system", {}, { cursor: "3", prev: "2" }) });
  assert.deepEqual([types(next.commands), next.link.cursor], [["deliver"], "3"]);
});

test("a heartbeat is delivered and answered", () => {
  const beat = message("heartbeat", {}, { cursor: "2", prev: "2" });
  assert.deepEqual(types(run(online(), { type: "message", message: beat }).commands), ["deliver", "pong"]);
});

test("a message that does not follow on is not taken; the page goes back to the last one it has", () => {
  const broken = run(online(), { type: "message", message: message("system", {}, { cursor: "9", prev: "8" }) });
  assert.deepEqual([broken.link.phase, types(broken.commands)], ["waiting", ["close"]]);
  const again = run(broken.link, { type: "tick", now: 500 });
  assert.deepEqual(again.commands, [{ type: "open", query: { epoch: "e1", cursor: "2" } }]);
  for (const members of [{ epoch: "e1" }, {}]) {
    const resumed = message("resumed", members, { cursor: "2", prev: "2" });
    const { link } = run(again.link, { type: "opened" }, { type: "message", message: resumed });
    assert.deepEqual([link.phase, link.epoch], ["online", "e1"]);
  }
});

test("a chain that breaks again and again starts from nothing", () => {
  let link = online();
  for (let n = 0; n < 3; n += 1) {
    link = run(link, { type: "message", message: message("system", {}, { prev: "77" }) }).link;
    const { commands, link: opening } = run(link, { type: "tick", now: 20_000 });
    assert.deepEqual(Object.keys(commands[0].query).length, n < 2 ? 2 : 0);
    const resumed = message("resumed", { epoch: "e1" }, { cursor: "2", prev: "2" });
    link = run(opening, { type: "opened" }, { type: "message", message: n < 2 ? resumed : snapshot() }).link;
  }
});

test("a first message that is neither snapshot nor our resume is refused", () => {
  const greeting = run(newLink(), { type: "tick" }, { type: "opened" }).link;
  for (const first of [message("system"), message("resumed", { epoch: "e1" }, { cursor: "5" })]) {
    assert.deepEqual(types(run(greeting, { type: "message", message: first }).commands), ["close"]);
  }
});

test("silence longer than two heartbeats closes and reopens", () => {
  const link = online();
  assert.deepEqual(run(link, { type: "tick", now: SILENCE_MS - 1 }).commands, []);
  const silent = run(link, { type: "tick", now: SILENCE_MS });
  assert.deepEqual([silent.link.phase, types(silent.commands)], ["waiting", ["close"]]);
});

test("a handshake or a greeting that takes too long is given up", () => {
  const connecting = run(newLink(), { type: "tick" }).link;
  const greeting = run(connecting, { type: "opened" }).link;
  for (const link of [connecting, greeting]) {
    assert.deepEqual(run(link, { type: "tick", now: CONNECT_TIMEOUT_MS - 1 }).commands, []);
    assert.deepEqual(types(run(link, { type: "tick", now: CONNECT_TIMEOUT_MS }).commands), ["close"]);
  }
});

test("delays double, never exceed ten seconds, and spread over their upper half", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 60].map((n) => delay(n, 1)), [500, 1000, 2000, 4000, 8000, 10000, 10000]);
  assert.deepEqual([1, 5].map((n) => delay(n, 0)), [250, 4000]);
});

test("after ten good seconds the next loss starts at the first delay again", () => {
  const tired = { ...online(), attempts: 6 };
  const beat = (now) => ({ type: "message", now, message: message("heartbeat", {}, { cursor: "2", prev: "2" }) });
  assert.equal(run(tired, beat(9_999)).link.attempts, 6);
  assert.equal(run(tired, beat(10_000)).link.attempts, 0);
});

test("a lost connection waits, and a wake-up ends the wait", () => {
  const lost = run(online(), { type: "closed", code: 1006 });
  assert.deepEqual([lost.link.phase, lost.commands], ["waiting", []]);
  assert.deepEqual(run(lost.link, { type: "tick", now: 100 }).commands, []);
  assert.deepEqual(types(run(lost.link, { type: "wake", now: 100 }).commands), ["open"]);
});

test("a refusal is asked for over HTTP and shown; the page still tries, slowly", () => {
  const connecting = run(newLink(), { type: "tick" }).link;
  const refused = run(connecting, { type: "closed", code: 1006 });
  assert.deepEqual(types(refused.commands), ["probe"]);
  const denied = run(refused.link, { type: "denied", reason: "нет доступа" }).link;
  assert.deepEqual([denied.phase, denied.reason], ["denied", "нет доступа"]);
  assert.deepEqual(run(denied, { type: "tick", now: 29_999 }).commands, []);
  assert.deepEqual(types(run(denied, { type: "tick", now: 30_000 }).commands), ["open"]);
  assert.deepEqual(types(run(denied, { type: "wake" }).commands), ["open"]);
  assert.equal(run(denied, { type: "wake" }, { type: "denied", reason: "всё ещё" }).link.phase, "denied");
});

test("a right that was withdrawn closes with 1008 or an own code: it is asked about at once", () => {
  for (const code of [1008, 4401]) assert.deepEqual(types(run(online(), { type: "closed", code }).commands), ["probe"]);
  assert.deepEqual(run(online(), { type: "closed", code: 1013 }).commands, []);
});

test("inputs that a phase does not know change nothing", () => {
  const link = online();
  assert.deepEqual(types(run(newLink(), { type: "tick" }, { type: "denied", reason: "" }).commands), ["close"]);
  for (const type of ["opened", "wake", "denied"]) assert.deepEqual(run(link, { type }), { link, commands: [] });
});
