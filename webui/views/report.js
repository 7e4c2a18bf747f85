/** The numbers of a period: for which days and whom, and what is drawn of them. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { Fetched } from "../fetched.js";
import { t } from "../i18n.js";
import { between, dayOf, offsetOf, presets } from "../period.js";
import { callsPart, costsPart, hintsPart, latencyPart, operatorsPart, tiles } from "./report-parts.js";

const PRESETS = ["today", "yesterday", "week", "month"];

export function open({ ask, schedule, navigate }) {
  const found = new Fetched(schedule);
  const operators = new Set(); // all that were seen, so that one can choose another
  let width = 560;

  function render({ route: { query }, now }) {
    const [from, to] = daysOf(query, now);
    const asked = { ...between(from, to), operator: query.operator, offset: offsetOf(now) };
    found.get(JSON.stringify(asked), (signal) => ask("api/report", { query: asked, signal }));
    for (const { operator } of found.value?.operators ?? []) operators.add(operator);
    const go = (changed) => navigate("report", null, { from, to, operator: query.operator, ...changed });
    return html`<h2 class="title">${t("nav.report")}</h2>
      ${form({ from, to, operator: query.operator ?? "", operators: [...operators].sort(), presets: presets(now) }, go)}
      ${found.fault ? html`<p class="fault" role="alert">${found.fault.message}</p>` : nothing}
      ${found.value ? page(found.value, found.busy) : html`<p class="none" role="status">${found.busy ? t("nav.loading") : nothing}</p>`}`;
  }

  function page(report, busy) {
    if (report.talk.calls === 0) return html`<p class="none" role="status">${t("report.none")}</p>`;
    return html`<div aria-busy=${busy}>${tiles(report)}
      <div class="drawings">${callsPart(report, width)}${latencyPart(report, width)}</div>
      ${hintsPart(report)}${operatorsPart(report)}${costsPart(report, width)}</div>`;
  }

  return {
    render,
    rendered() {
      const room = document.querySelector(".section .drawn")?.clientWidth;
      if (room && room !== width) {
        width = room;
        schedule();
      }
    },
    close: () => found.clear(),
  };
}

/** The days of the address; the last seven where it names none, or nonsense. */
function daysOf({ from, to }, now) {
  const [first, last] = presets(now).week;
  const given = [from ?? first, to ?? last].map((day) => (between(day, day).from === "" ? last : day));
  return given[0] <= given[1] ? given : [given[1], given[0]];
}

function form({ from, to, operator, operators, presets: periods }, go) {
  const choose = (name) => (event) => event.target.value && go({ [name]: event.target.value });
  return html`<div class="panel asked">
    <div class="line" role="group" aria-label=${t("report.period")}>
      ${PRESETS.map((name) => {
        const [first, last] = periods[name];
        const on = first === from && last === to;
        return html`<button type="button" class=${on ? "primary" : "plain"} aria-pressed=${on} @click=${() => go({ from: first, to: last })}>${t(`report.${name}`)}</button>`;
      })}
    </div>
    <div class="line">
      <label class="field">${t("report.from")}<input type="date" .value=${from} max=${dayOf(Date.now())} @change=${choose("from")}></label>
      <label class="field">${t("report.to")}<input type="date" .value=${to} @change=${choose("to")}></label>
      <label class="field">${t("report.operator")}<select @change=${(event) => go({ operator: event.target.value })}>
        <option value="" ?selected=${operator === ""}>${t("report.everybody")}</option>
        ${operators.map((name) => html`<option value=${name} ?selected=${name === operator}>${name}</option>`)}
      </select></label>
    </div>
  </div>`;
}
