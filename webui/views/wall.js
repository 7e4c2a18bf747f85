/** The supervisor's wall: all live calls at a glance, any of them to be opened. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { t } from "../i18n.js";
import { counts, tile } from "../overview.js";
import { addressOf } from "../router.js";
import { sortCalls } from "../select.js";
import { callState, party, phone, timer } from "../text.js";
import { Overheard } from "./overheard.js";

export function open(context) {
  const overheard = new Overheard(context);
  let troubledOnly = false;
  const toggle = (event) => {
    troubledOnly = event.target.checked;
    context.schedule();
  };
  return {
    render(frame) {
      const view = frame.state.calls.get(frame.route.id);
      return view ? overheard.render(view, frame) : wall(frame, troubledOnly, toggle);
    },
    rendered: () => overheard.rendered(),
  };
}

function wall({ state, now, route }, troubledOnly, toggle) {
  const { live } = sortCalls(state.calls);
  const shown = live.map((view) => ({ view, ...tile(view, now) })).filter((item) => !troubledOnly || item.alerts.length > 0);
  return html`<div class="wall-head">
      <h2 class="title">${t("nav.wall")}</h2>
      <p>${summary(counts(live, now))}</p>
      <label class="only"><input type="checkbox" .checked=${troubledOnly} @change=${toggle}> ${t("wall.troubledOnly")}</label>
    </div>
    ${route.id === null ? nothing : html`<p class="none" role="status">${t("wall.gone")}</p>`}
    ${shown.length === 0 ? html`<p class="none">${t(live.length === 0 ? "wall.none" : "wall.noTrouble")}</p>` : nothing}
    <ul class="tiles">${repeat(shown, (item) => item.view.call.id, one)}</ul>`;
}

function summary({ talking, ringing, troubled }) {
  const parts = [t("wall.talking", { n: talking }), ringing > 0 && t("wall.ringing", { n: ringing }), troubled > 0 && t("wall.troubled", { n: troubled })];
  return parts.filter(Boolean).join(" · ");
}

function one({ view, speaker, last, ms, alerts }) {
  const { call } = view;
  const number = phone(call.client_number);
  const state = call.operator && call.status === "answered" ? "" : callState(call);
  const who = [call.operator && party(call.operator), state].filter(Boolean).join(" · ");
  return html`<li class="tile ${call.status} ${alerts[0]?.level ?? "well"}">
    <div class="row"><a class="n" href=${addressOf("wall", call.id)} aria-label=${t("wall.open", { number })}>${number}</a><span class="t">${timer(ms)}</span></div>
    <div class="row"><span class="s">${who}</span>${speaks(speaker)}</div>
    ${last ? html`<p class="last ${last.leg}"><span class="words"><span class="sr">${t(`leg.${last.leg}`)}: </span>${last.text}<span class="tail">${last.tail}</span></span></p>`
      : html`<p class="last"><span class="words tail">${t(call.status === "ringing" ? "wall.notYet" : "wall.noWords")}</span></p>`}
    ${alerts.map((alert) => html`<p class="alert ${alert.level}"><span aria-hidden="true">${alert.level === "bad" ? "▲" : "◆"}</span>
      ${alert.words}${alert.since ? html` <span class="since">${alert.since}</span>` : nothing}</p>`)}
  </li>`;
}

function speaks(leg) {
  return leg ? html`<span class="speaks ${leg}"><svg viewBox="0 0 16 10" aria-hidden="true"><path d="M2 3v4M6 1v8M10 2v6M14 4v2"/></svg><span class="sr">${t("wall.speaks")}</span> ${t(`leg.${leg}`)}</span>` : nothing;
}
