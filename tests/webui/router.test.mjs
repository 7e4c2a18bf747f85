import assert from "node:assert/strict";
import { test } from "node:test";
import { SECTIONS, addressOf, routeOf, sectionsOf } from "../../webui/router.js";
import { random } from "./messages.mjs";

const me = (role, changes = {}) => ({ name: "Анна", role, extensions: ["1001"], open: false, ...changes });

test("an address leads to its section, with what it says", () => {
  assert.deepEqual(routeOf("#/settings", me("operator")), { name: "settings", id: null, query: {} });
  const address = addressOf("settings", "a/б?#", { q: "дорого & дёшево", from: "", to: null, page: 2 });
  assert.deepEqual(routeOf(address, me("admin")), { name: "settings", id: "a/б?#", query: { q: "дорого & дёшево", page: "2" } });
});

test("an address that leads nowhere leads to the first page", () => {
  for (const hash of ["", "#", "#/", "#/nowhere", "#/%E0%A4%A", "#settings/../..", "#/__proto__"]) {
    const { name } = routeOf(hash, me("operator"));
    assert.ok(["calls", "settings"].includes(name), hash);
  }
  const next = random(7);
  for (let n = 0; n < 500; n += 1) {
    const hash = Array.from({ length: 12 }, () => String.fromCharCode(33 + next() * 90)).join("");
    assert.ok(sectionsOf("operator").includes(routeOf(hash, me("operator")).name), hash);
  }
});

test("what a role may not see has no address", () => {
  for (const { name, roles } of SECTIONS) {
    for (const role of ["operator", "supervisor", "admin"]) {
      assert.equal(routeOf(addressOf(name), me(role)).name === name, roles.includes(role), `${name} for ${role}`);
      assert.equal(sectionsOf(role).includes(name), roles.includes(role));
    }
  }
});
