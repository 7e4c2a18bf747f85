/** The sheet of keys, with the switch that turns them off. */
import { html } from "../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { VERDICT_KEYS } from "../text.js";

const SHEET = [
  ...Object.entries(VERDICT_KEYS).map(([verdict, key]) => [key, `keys.${verdict}`]),
  ["J, K", "keys.cards"],
  ["↑, ↓", "keys.calls"],
  ["M", "keys.own"],
  ["N", "keys.newest"],
  ["?", "keys.help"],
];

export function help(keysOn, actions) {
  return html`<dialog id="help" aria-labelledby="help-title">
    <h2 id="help-title">${t("keys.title")}</h2>
    <dl>${SHEET.map(([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${t(what)}</dd></div>`)}</dl>
    <label><input type="checkbox" .checked=${keysOn} @change=${(event) => actions.keys(event.target.checked)}> ${t("keys.on")}</label>
    <button type="button" class="plain" @click=${(event) => event.target.closest("dialog").close()}>${t("keys.close")}</button>
  </dialog>`;
}
