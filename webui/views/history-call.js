/** One past call: its head, its time line, its recording, what was said with the hints, what became of it. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { withQuery } from "../api.js";
import { t } from "../i18n.js";
import { addressOf } from "../router.js";
import { rows } from "../select.js";
import { ICON, dateAndTime, duration, gapWords, party, phone, timeOfDay, timer } from "../text.js";
import { timeline } from "./history-timeline.js";
import { zone } from "./history-list.js";

/** `record`: the call (`Fetched`); `asked`: the search to go back to; `width`: room for the time line, in pixels. */
export function callPage({ id, record, asked, width, player, summary, extensions }, actions) {
  const call = record.value;
  return html`<p class="way-back"><a href=${addressOf("history", null, asked)}>← ${t("history.back")}</a></p>
    ${record.fault ? html`<p class="fault" role="alert">${record.fault.status === 404 ? t("history.gone") : record.fault.message}</p>` : nothing}
    ${!call ? html`<p class="none" role="status">${record.busy ? t("nav.loading") : nothing}</p>` : html`
      ${head(id, call, actions)}
      <section class="panel course ${call.recording ? "heard" : ""}" aria-label=${t("history.course")}>
        ${timeline(call, width, player.ms, actions)}${player.render(id, call)}
      </section>
      <div class="beside">
        <section class="panel said" aria-label=${t("talk.log")}><h3>${t("history.said")}</h3>${said(call, player, actions)}</section>
        <div>${summary.render(id, call)}${steps(call.checklist)}</div>
      </div>`}`;
}

function head(id, call, actions) {
  const file = (format) => withQuery(`api/calls/${encodeURIComponent(id)}/export`, { format, zone: zone(), reveal: call.masked === false ? "true" : "" });
  return html`<div class="call-head">
    <h2 class="title">${phone(call.client_number)}</h2>
    <p>${[dateAndTime(call.started_at), t(`direction.${call.direction}`), call.end && call.answered_at ? duration(call.end.duration_ms) : "", call.end?.reason].filter(Boolean).join(" · ")}</p>
    <p class="none">${(call.participations ?? []).map(part).join(", ")}</p>
    <div class="line">
      <a class="plain" download href=${file("text")}>${t("history.text")}</a>
      <a class="plain" download href=${file("json")}>${t("history.json")}</a>
      ${call.masked ? html`<button type="button" class="plain" @click=${actions.reveal}>${t("history.reveal")}</button><small class="none">${t("history.masked")}</small>` : nothing}
    </div>
  </div>`;
}

function part({ operator, began_at, ended_at }) {
  const until = ended_at === null ? "" : timeOfDay(ended_at);
  return t("history.part", { who: party(operator), from: timeOfDay(began_at), to: until });
}

function said(call, player, actions) {
  const all = rows({ lines: call.transcript, gaps: call.gaps });
  const beside = (row) => (row.leg === "client" && !("gap_ms" in row) ? call.suggestions.filter((card) => card.utterance === row.utterance) : []);
  const placed = new Set(all.flatMap(beside));
  const others = call.suggestions.filter((card) => !placed.has(card));
  if (all.length === 0 && others.length === 0) return html`<p class="none">${t("talk.noText")}</p>`;
  return html`<div class="lines">${all.map((row) => html`${line(row, player, actions)}${beside(row).map(card)}`)}
    ${others.length > 0 ? html`<h4>${t("history.others")}</h4>${others.map(card)}` : nothing}</div>`;
}

function line(row, player, actions) {
  if ("gap_ms" in row) return html`<p class="gap ${row.leg}"><b>${t(`leg.${row.leg}`)}</b>: ${gapWords(row.gap_ms, row.reason)}</p>`;
  const now = player.playing(row);
  return html`<div class="u ${row.leg} ${now ? "now" : ""}" data-ms=${row.start_ms} tabindex="-1" aria-current=${now ? "true" : nothing}>
    <div class="who">${t(`leg.${row.leg}`)}${player.ready
      ? html`<button type="button" class="at" aria-label=${t("history.playFrom", { at: timer(row.start_ms) })} @click=${() => actions.seek(row.start_ms)}>▶ ${timer(row.start_ms)}</button>`
      : html`<small>${timer(row.start_ms)}</small>`}</div>
    <p><span>${row.text}</span></p>
  </div>`;
}

/** A hint as it was, and what the operator did with it. */
function card(item) {
  const fate = item.state === "withdrawn" ? [t("history.withdrawn")] : item.verdicts.map((verdict) => t(`verdict.${verdict}.done`));
  return html`<article class="hint past ${item.priority}">
    <p class="k"><span aria-hidden="true">${ICON[item.priority]}</span> ${t(`kind.${item.kind}`)} · ${t(`priority.${item.priority}`)}<small>${t(`source.${item.source}`)}</small></p>
    <h4>${item.title}</h4>
    <p>${item.content}</p>
    <p class="fate">${fate.length > 0 ? fate.join(" · ") : t("history.unmarked")}</p>
  </article>`;
}

function steps(checklist) {
  if (checklist.length === 0) return nothing;
  return html`<section class="panel"><h3>${t("plan")}</h3><ul class="steps">${checklist.map((step) => html`<li class=${step.done ? "done" : "todo"}>
    <span>${step.title}</span>${step.done ? html`<span class="sr">: ${t("plan.done")}</span>` : nothing}</li>`)}</ul></section>`;
}
