/** What the text would have shown on past calls, beside what was shown. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { number, t } from "../i18n.js";
import { addressOf } from "../router.js";
import { dateAndTime, phone, timer } from "../text.js";

/** `bad`: the text as it stands cannot be used. */
export function preview({ tried, days, bad }, actions) {
  const choose = (name) => (event) => event.target.value && actions.choose({ [name]: event.target.value });
  return html`<section class="panel tried" aria-label=${t("playbook.preview")}>
    <h3>${t("playbook.preview")}</h3>
    <div class="line">
      <label class="field">${t("playbook.from")}<input type="date" .value=${days.from} @change=${choose("from")}></label>
      <label class="field">${t("playbook.to")}<input type="date" .value=${days.to} @change=${choose("to")}></label>
      <button type="button" class="plain" ?disabled=${bad || tried.busy} @click=${actions.try}>${t("playbook.try")}</button>
      <span class="none" role="status">${tried.busy ? t("playbook.trying") : nothing}</span>
    </div>
    ${tried.fault ? html`<p class="fault" role="alert">${tried.fault.message}</p>` : nothing}
    ${tried.value && !tried.fault ? found(tried.value) : nothing}
  </section>`;
}

function found({ calls, lines, totals, more }) {
  if (calls === 0) return html`<p class="none" role="status">${t("playbook.noCalls")}</p>`;
  const changes = lines.filter(differs);
  const same = lines.filter((line) => !differs(line));
  return html`<p role="status">${t("playbook.tried", { n: calls })} ${changes.length === 0 ? t("playbook.same") : t("playbook.differ", { n: changes.length })} ${more ? t("playbook.more") : nothing}</p>
    ${totals.length > 0 ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("playbook.totals")}><table class="list">
      <thead><tr><th scope="col">${t("playbook.card")}</th><th scope="col" class="figure">${t("playbook.shown")}</th><th scope="col" class="figure">${t("playbook.would")}</th><th scope="col" class="figure">±</th></tr></thead>
      <tbody>${totals.map(({ card, title, shown, would }) => html`<tr><th scope="row">${card === "llm" ? t("playbook.llm") : title}</th><td class="figure">${number(shown)}</td>
        <td class="figure">${card === "llm" ? "–" : number(would)}</td><td class="figure">${card === "llm" || would === shown ? nothing : html`<b class=${would > shown ? "plus" : "minus"}>${would > shown ? "+" : "−"}${number(Math.abs(would - shown))}</b>`}</td></tr>`)}</tbody>
    </table></div>` : nothing}
    <ul class="tries">${changes.map(row)}</ul>
    ${same.length > 0 ? html`<details><summary>${t("playbook.unchanged", { n: same.length })}</summary><ul class="tries">${same.map(row)}</ul></details>` : nothing}`;
}

/** Whether other cards of the playbook would be shown; the model's own are no part of it. */
function differs({ shown, would }) {
  const names = (cards) => cards.map(({ card }) => card).filter((card) => card !== "llm").sort().join(" ");
  return names(shown) !== names(would);
}

function row(line) {
  const had = new Set(line.shown.map(({ card }) => card));
  const has = new Set(line.would.map(({ card }) => card));
  return html`<li>
    <p><a href=${addressOf("history", line.call_id, { at: line.start_ms })}>${dateAndTime(line.started_at)} · ${phone(line.client_number)} · ${timer(line.start_ms)}</a></p>
    <q>${line.text}</q>
    <p class="cards">${line.shown.map((card) => chip(card, card.card === "llm" || has.has(card.card) ? "kept" : "gone"))}${line.would.filter(({ card }) => !had.has(card)).map((card) => chip(card, "added"))}</p>
  </li>`;
}

function chip(card, what) {
  const fate = card.verdicts.map((verdict) => t(`verdict.${verdict}.done`)).join(", ");
  return html`<span class="chip ${what}">${t(`playbook.chip.${what}`)}: ${card.title}${fate ? html` <small>${fate}</small>` : nothing}</span>`;
}
