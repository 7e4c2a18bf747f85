/** What was in force before, to be looked at and had back. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { dateAndTime } from "../text.js";

export function versions({ kept, changed, saving, editable }, actions) {
  const { versions: all, current } = kept.value ?? { versions: [], current: null };
  return html`<section class="panel versions" aria-label=${t("playbook.versions")}>
    <h3>${t("playbook.versions")}</h3>
    ${kept.fault ? html`<p class="fault" role="alert">${kept.fault.message}</p>` : nothing}
    ${all.length === 0 && !kept.busy ? html`<p class="none">${t("playbook.noVersions")}</p>` : nothing}
    <ol>${all.map((item, n) => html`<li>
      <p><b>${dateAndTime(item.saved_at)}</b> ${item.who || t("playbook.byHand")}<small>${t("playbook.cards", { n: item.cards })}</small></p>
      ${item.version === current && n === 0 ? html`<p class="good">${t("playbook.inForce")}</p>` : html`<div class="line">
        <button type="button" class="plain" ?disabled=${changed} @click=${() => actions.look(item.version)}>${t("playbook.look")}</button>
        <button type="button" class="plain" ?disabled=${changed || !editable || saving?.busy || item.version === current} @click=${() => actions.restore(item.version)}>${t("playbook.restore")}</button>
      </div>`}</li>`)}</ol>
    ${changed && all.length > 0 ? html`<p class="none">${t("playbook.saveFirst")}</p>` : nothing}
  </section>`;
}
