/** The text of the playbook with its line numbers, what is wrong with it, and what can be done with it. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";

const MOST_REMARKS = 20;

/** `checked`: the server's judgement of the text (`Fetched`); `saving`: what became of the last save, null for none. */
export function editor({ text, current, changed, checked, saving }, actions) {
  const wrong = saving?.fault?.details?.line || checked.fault?.details?.line || 0;
  return html`<section class="panel" aria-label=${t("playbook.text")}>
    <div class="line">
      <button type="button" class="primary" ?disabled=${!changed || !current.editable || saving?.busy || checked.fault !== null} @click=${actions.save}>${t("playbook.save")}</button>
      ${changed ? html`<button type="button" class="plain" @click=${actions.undo}>${t("playbook.undo")}</button>` : nothing}
      <label class="plain file">${t("playbook.upload")}<input type="file" accept=".yaml,.yml,text/plain" @change=${(event) => upload(event, actions)}></label>
      <button type="button" class="plain" @click=${() => download(text)}>${t("playbook.download")}</button>
      <span class="none">${changed ? t("playbook.changed") : nothing}</span>
    </div>
    ${current.editable ? nothing : html`<p class="fault">${t("playbook.locked")}: ${current.reason}</p>`}
    ${outcome(saving, actions)}
    <div class="code">
      ${gutter(text, wrong)}
      <textarea class="yaml" wrap="off" spellcheck="false" autocapitalize="off" autocomplete="off" aria-label=${t("playbook.text")} aria-describedby="judgement"
        aria-invalid=${checked.fault ? "true" : "false"} .value=${text} @input=${(event) => actions.change(event.target.value)} @scroll=${follow}></textarea>
    </div>
    ${judgement(checked)}
  </section>`;
}

function gutter(text, wrong) {
  const count = text.split("\n").length;
  const numbers = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => from + n).join("\n");
  if (wrong < 1 || wrong > count) return html`<pre class="gutter" aria-hidden="true">${numbers(1, count)}</pre>`;
  return html`<pre class="gutter" aria-hidden="true">${numbers(1, wrong - 1)}${wrong > 1 ? "\n" : ""}<b>${wrong}</b>${wrong < count ? "\n" : ""}${numbers(wrong + 1, count)}</pre>`;
}

function follow({ target }) {
  target.parentElement.querySelector(".gutter").scrollTop = target.scrollTop;
}

/** What the server says of the text as it stands. */
function judgement(checked) {
  const { fault, value } = checked;
  const said = () => {
    if (fault) return html`<p class="fault">${fault.details?.line ? html`${lineButton(fault.details.line)} ` : nothing}${fault.message}</p>`;
    if (!value) return html`<p class="none">${t("playbook.checking")}</p>`;
    return html`<p class="good">${t("playbook.good", { company: value.company, cards: value.cards, steps: value.steps })}</p>`;
  };
  const remarks = fault ? [] : value?.selftest ?? [];
  return html`<div id="judgement"><div role="status">${said()}</div>
    ${remarks.length > 0 ? html`<p>${t("playbook.remarks", { n: remarks.length })}</p>
      <ul class="remarks">${remarks.slice(0, MOST_REMARKS).map((remark) => html`<li>${remark.line > 0 ? lineButton(remark.line) : nothing} <b>${remark.owner}</b>: ${remark.reason}</li>`)}</ul>` : nothing}</div>`;
}

function lineButton(line) {
  return html`<button type="button" class="plain" @click=${() => show(line)}>${t("playbook.line", { n: String(line) })}</button>`;
}

/** Puts the cursor into a line of the text, and the line on screen. */
export function show(line) {
  const area = document.querySelector(".yaml");
  if (!area) return;
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, words) => sum + words.length + 1, 0);
  area.focus({ preventScroll: true });
  area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  area.scrollTop = Math.max(0, ((line - 4) * area.scrollHeight) / lines.length);
}

function outcome(saving, actions) {
  if (saving?.done) return html`<p class="good" role="status">${t("playbook.saved")}</p>`;
  if (!saving?.fault) return nothing;
  if (saving.fault.code !== "playbook_changed") return html`<p class="fault" role="alert">${saving.fault.message}</p>`;
  return html`<div class="fault" role="alert"><p>${t("playbook.conflict")}</p>
    <div class="line"><button type="button" class="plain" @click=${actions.undo}>${t("playbook.theirs")}</button>
    <button type="button" class="plain" @click=${actions.overwrite}>${t("playbook.mine")}</button></div></div>`;
}

function upload({ target }, actions) {
  actions.upload(target.files[0]);
  target.value = "";
}

function download(text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/yaml" }));
  link.download = "playbook.yaml";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
