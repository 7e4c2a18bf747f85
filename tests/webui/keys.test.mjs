import assert from "node:assert/strict";
import { test } from "node:test";
import { action } from "../../webui/keys.js";

const press = (code, members = {}) => action({ code, target: { tagName: "BODY" }, ...members }, true);

test("keys act by position, so the layout does not matter", () => {
  assert.deepEqual(press("KeyC", { key: "с" }), { type: "verdict", verdict: "copied" });
  assert.deepEqual(press("Digit2", { key: "2" }), { type: "verdict", verdict: "useless" });
  assert.deepEqual(press("KeyK"), { type: "card", by: -1 });
  assert.deepEqual(press("Slash", { key: ",", shiftKey: true }), { type: "help" });
});

test("with Ctrl, Alt or Meta held, while typing, held down or turned off they do nothing", () => {
  for (const held of ["ctrlKey", "altKey", "metaKey", "shiftKey", "repeat"]) assert.equal(press("KeyC", { [held]: true }), null, held);
  assert.equal(press("KeyC", { target: { tagName: "INPUT" } }), null);
  assert.equal(press("KeyC", { target: { tagName: "DIV", isContentEditable: true } }), null);
  assert.equal(press("KeyC", { target: null })?.verdict, "copied");
  assert.equal(action({ code: "KeyC", target: null }, false), null);
});

test("other keys are nobody's, not even those named like an object's members", () => {
  for (const code of ["KeyZ", "Enter", "constructor", "Slash"]) assert.equal(press(code), null, code);
});
