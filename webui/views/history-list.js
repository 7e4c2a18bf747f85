/** The search of past calls and what it found. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { withQuery } from "../api.js";
import { t } from "../i18n.js";
import { addressOf } from "../router.js";
import { callState, dateAndTime, duration, party, phone, timer } from "../text.js";

export const FIELDS = ["q", "from", "to", "operator", "number", "answered", "outcome", "card", "kind"];
const FURTHER = ["number", "answered", "outcome", "card", "kind"];
const KINDS = ["objection", "question", "competitor", "price", "timing", "closing", "risk", "whisper", "other"];

/** `query` as it stands in the address; `asked`: the same as the server takes it; `found`: the answer (`Fetched`). */
export function listPage({ query, found, asked }, actions) {
  return html`<h2 class="title">${t("nav.history")}</h2>
    ${form(query, actions)}
    ${found.fault ? html`<p class="fault" role="alert">${found.fault.message}</p>` : nothing}
    ${results(found, asked, query, actions)}`;
}

function form(query, actions) {
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.target.closest("form"));
    actions.search(Object.fromEntries(FIELDS.map((name) => [name, String(given.get(name) ?? "").trim()])));
  };
  const reset = (event) => {
    for (const control of event.target.closest("form").elements) control.value = "";
    actions.search({});
  };
  return html`<form class="panel search" role="search" @submit=${submit}>
    <div class="line">
      <label class="field wide">${t("history.q")}<input type="search" name="q" maxlength="500" .value=${query.q ?? ""} placeholder=${t("history.q.hint")}></label>
      ${input("from", "date", query)}${input("to", "date", query)}${input("operator", "text", query)}
      <button class="primary">${t("history.find")}</button>
      <button type="button" class="plain" @click=${reset}>${t("history.reset")}</button>
    </div>
    <details ?open=${FURTHER.some((name) => query[name])}>
      <summary>${t("history.further")}</summary>
      <div class="line">
        ${input("number", "text", query)}
        ${choice("answered", ["true", "false"], query, (value) => t(`history.answered.${value}`))}
        ${input("outcome", "text", query)}${input("card", "text", query)}
        ${choice("kind", KINDS, query, (value) => t(`kind.${value}`))}
      </div>
    </details>
  </form>`;
}

function input(name, type, query) {
  return html`<label class="field">${t(`history.${name}`)}<input type=${type} name=${name} maxlength="500" .value=${query[name] ?? ""}></label>`;
}

function choice(name, values, query, word) {
  return html`<label class="field">${t(`history.${name}`)}<select name=${name}>
    <option value="" ?selected=${!query[name]}>${t("history.any")}</option>
    ${values.map((value) => html`<option value=${value} ?selected=${query[name] === value}>${word(value)}</option>`)}
  </select></label>`;
}

function results(found, asked, query, actions) {
  if (!found.value) return html`<p class="none" role="status">${found.busy ? t("nav.loading") : nothing}</p>`;
  const { calls, next } = found.value;
  const shown = next === null ? t("history.found", { n: calls.length }) : t("history.foundMore", { n: calls.length });
  return html`<div class="line above">
      <p role="status" class="none">${calls.length === 0 ? t("history.none") : shown}</p>
      ${calls.length > 0 ? html`<a class="plain" download href=${withQuery("api/export", { ...asked, delimiter: ";", zone: zone() })}>${t("history.csv")}</a>` : nothing}
    </div>
    <ul class="found" aria-busy=${found.busy}>${repeat(calls, (call) => call.id, (call) => hit(call, query))}</ul>
    ${next !== null ? html`<button type="button" class="plain" @click=${actions.more}>${t("history.more")}</button>` : nothing}`;
}

function hit(call, query) {
  const back = query.q ? { q: query.q } : {};
  const over = call.status === "ended";
  const who = over && call.answered_at === null ? t("history.missed") : call.operator && party(call.operator);
  return html`<li class="hit">
    <a class="whole" href=${addressOf("history", call.id, back)}>
      <span class="when">${dateAndTime(call.started_at)}</span>
      <span class="n">${phone(call.client_number)}</span>
      <span class="who">${[t(`direction.${call.direction}`), who].filter(Boolean).join(" · ")}</span>
      <span class="long">${call.duration_ms ? duration(call.duration_ms) : nothing}</span>
      <span class="outcome">${call.outcome || call.reason || (over ? nothing : callState(call))}</span>
    </a>
    ${call.snippets.length > 0 ? html`<ul>${call.snippets.map((snippet) => html`<li>
      <a href=${addressOf("history", call.id, { ...back, at: snippet.start_ms })}>
        <span class="at">${timer(snippet.start_ms)}</span> <b class=${snippet.leg}>${t(`leg.${snippet.leg}`)}</b> ${marked(snippet.text, snippet.marks)}</a></li>`)}</ul>` : nothing}
  </li>`;
}

/** The text with its places marked; places that are nonsense mark nothing. Offsets count code points. */
export function marked(text, marks) {
  const points = [...text];
  const parts = [];
  let reached = 0;
  for (const [start, end] of marks) {
    if (!(start >= reached && end > start && end <= points.length)) continue;
    parts.push(points.slice(reached, start).join(""), html`<mark>${points.slice(start, end).join("")}</mark>`);
    reached = end;
  }
  return [...parts, points.slice(reached).join("")];
}

/** The time zone that this browser lives in, for files that are read elsewhere. */
export function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}
