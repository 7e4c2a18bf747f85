/** The call on screen: its head, what was said, what is missing. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { said, t } from "../i18n.js";
import { callFacts, callState, dialled, gapWords, legHealth, phone, timer } from "../text.js";
import { callMs, isLive, rows } from "../select.js";
import { LEGS } from "../parse.js";

const CHUNK = 40; // lines per block: what did not change is neither compared nor laid out again

/** `connected` false: levels are old; `textOff`: nothing recognises speech now. */
export function talk({ view, now, unread, followable, connected, textOff }, actions) {
  return html`<section class="talk" aria-label=${t("talk")}>
    ${head(view, now, followable, connected, actions)}
    <div class="log" role="region" aria-label=${t("talk.log")} tabindex="0">
      <div class="rows">${transcript(view, textOff)}</div>
    </div>
    ${unread > 0 ? html`<button type="button" class="new" @click=${actions.newest}>${t("talk.new", { n: unread })} <span aria-hidden="true">↓</span></button>` : nothing}
  </section>`;
}

function head(view, now, followable, connected, actions) {
  const { call } = view;
  const heard = isLive(view) && call.answered_at !== null;
  return html`<div class="head">
    <div class="row">
      <h2 class="n">${phone(call.client_number)}</h2>
      <span class="state">${callState(call)} <b>${timer(callMs(view, now))}</b></span>
      <span class="facts">${callFacts(call)}</span>
    </div>
    <div class="row">
      ${heard ? LEGS.map((leg) => legHead(view, leg, now, connected)) : nothing}
      <span class="facts">${dialled(call)}</span>
      ${call.off.map((service) => html`<span class="facts off">${t(`off.${service}`)}</span>`)}
      ${followable ? html`<button type="button" class="plain" @click=${actions.follow}>${t("talk.follow")}</button>` : nothing}
    </div>
  </div>`;
}

/** The leg's name and level; in trouble, the trouble in words. The seconds tick outside what is read aloud. */
function legHead(view, leg, now, connected) {
  const { state, reason } = view.call.legs[leg];
  const since = view.legSince[leg] === null ? null : now - Date.parse(view.legSince[leg]);
  const wrong = legHealth(leg, state, since);
  return html`<span class="leg ${leg} ${state}"><span role="status">${wrong ? wrong.words : t(`leg.${leg}`)}</span>
    ${wrong?.since ? html`<span aria-hidden="true">${wrong.since}</span>` : nothing}
    ${wrong && reason ? html`<span class="reason">${said(reason)}</span>` : nothing}
    ${meter(connected ? view.level[leg] : 0)}</span>`;
}

/** Drawn only: words stand beside it. */
function meter(level) {
  return html`<svg class="meter" viewBox="0 0 36 6" preserveAspectRatio="none" aria-hidden="true"><rect width=${(36 * level).toFixed(1)} height="6" rx="3"/></svg>`;
}

function transcript(view, textOff) {
  const all = rows(view);
  if (all.length === 0) return html`<p class="none">${silence(view.call, textOff)}</p>`;
  const chunks = [];
  for (let from = 0; from < all.length; from += CHUNK) chunks.push(all.slice(from, from + CHUNK));
  return html`${chunks.map((chunk) => html`<div class="chunk">${guard(chunk, () => repeat(chunk, (row) => key(view, row), line))}</div>`)}
    ${view.end ? html`<p class="over">${t("talk.over", { reason: said(view.end.reason) })}</p>` : nothing}`;
}

function silence(call, textOff) {
  if (call.status === "ringing") return t("talk.ringing");
  if ((textOff || call.off.includes("stt")) && call.status !== "ended") return t("talk.textOff");
  return t(call.status === "ended" ? "talk.noText" : "talk.noWords");
}

function key({ call }, row) {
  return "gap_ms" in row ? `${call.id} gap ${row.leg} ${row.start_ms}` : `${call.id} ${row.leg} ${row.utterance}`;
}

/** Confirmed words never move when the tail changes: both are inline text of one paragraph, in one face. */
function line(row) {
  if ("gap_ms" in row) {
    return html`<p class="gap ${row.leg}"><b>${t(`leg.${row.leg}`)}</b>: ${gapWords(row.gap_ms, row.reason)}</p>`;
  }
  return html`<div class="u ${row.leg} ${row.final ? "final" : "open"}">
    <div class="who">${t(`leg.${row.leg}`)}<small>${timer(row.start_ms)}</small></div>
    <p><span>${row.text}</span><span class="tail">${row.tail}</span></p>
  </div>`;
}

/** Before there is any call. */
export function waiting(state) {
  const [title, words] = whatToDo(state);
  return html`<section class="talk empty" aria-label=${t("talk")}>
    <div class="waiting"><svg viewBox="0 0 64 40" aria-hidden="true"><path d="M4 20h8M18 12v16M26 6v28M34 14v12M42 9v22M50 16v8M56 20h4"/></svg>
      <h2>${title}</h2>
      <p>${words}</p></div>
  </section>`;
}

function whatToDo({ ready, system, me }) {
  if (!ready) return [t("waiting.first"), ""];
  if (system.ari.state === "down") return [t("waiting.blind"), t("waiting.cure")];
  return [t("waiting.title"), t(me.extensions.length > 0 ? "waiting.own" : "waiting.all")];
}

/** For screen readers: what `announce.js` decided. Finals are appended here, partials never come here. */
export function spoken(said) {
  return html`<div class="sr" role="log" aria-label=${t("talk.log")}>${repeat(said.log, (item) => item, (item) => html`<p>${t(`leg.${item.leg}`)}: ${item.text}</p>`)}</div>`;
}

