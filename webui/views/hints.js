/** The panel of hints: cards in full, older ones folded, and the plan of the conversation. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { said, t } from "../i18n.js";
import { ICON, VERDICT_KEYS, ago } from "../text.js";
import { sortCards } from "../select.js";
import { has, rating } from "../verdicts.js";

/**
 * `opened`: ids of folded cards that the person unfolded; `marks` as in verdicts.js; `target`: the keys' card; `readOnly`:
 * somebody else's, who has judged; `before`: what stands above the cards.
 */
export function hints({ view, now, marks, opened, target, showHidden, readOnly = false, before = nothing }, actions) {
  const { full, folded, hidden } = sortCards(view?.cards ?? [], marks);
  const context = { now, marks, target, readOnly, actions };
  const entry = (card) => (opened.has(card.id) ? whole(card, context) : slip(card, context));
  return html`<section class="hints" aria-label=${t("hints")}>
    <h2>${t("hints")}</h2>
    ${before}
    ${full.length === 0 ? html`<p class="none">${t("hints.none")}</p>` : nothing}
    ${repeat(full, (card) => card.id, (card) => whole(card, context))}
    ${folded.length > 0 ? html`<h2>${t("hints.older")}</h2>` : nothing}
    ${repeat(folded, (card) => card.id, entry)}
    ${hidden.length > 0 ? html`<button type="button" class="plain" aria-expanded=${showHidden} @click=${actions.toggleHidden}>
      ${t("hints.hidden", { n: hidden.length })}</button>` : nothing}
    ${showHidden ? repeat(hidden, (card) => card.id, entry) : nothing}
    ${view && view.steps.length > 0 ? plan(view.steps) : nothing}
  </section>`;
}

function whole(card, context) {
  const { target, marks } = context;
  return html`<article class="hint ${card.priority} ${card.state}" data-card=${card.id} tabindex="-1"
      aria-busy=${card.state === "streaming"} aria-label=${`${t(`kind.${card.kind}`)}: ${card.title}`}>
    ${kind(card, context)}
    <h3>${said(card.title)}</h3>
    <p class="say">${card.content}${card.state === "streaming" ? html`<span class="caret" aria-hidden="true"></span>` : nothing}</p>
    ${card.quote ? html`<q>${card.quote}</q>` : nothing}
    ${context.readOnly ? judged(card) : html`<div class="acts">
      ${Object.keys(VERDICT_KEYS).map((verdict) => button(card, verdict, card.id === target, marks, context.actions))}</div>`}
  </article>`;
}

function slip(card, context) {
  return html`<article class="hint old ${card.priority}" data-card=${card.id} tabindex="-1">
    <button type="button" aria-expanded="false" @click=${() => context.actions.open(card.id)}>
      ${kind(card, context)}<span class="title">${said(card.title)}</span></button>
  </article>`;
}

function kind(card, { now, marks }) {
  const source = card.source === "llm" ? t(`source.${card.source}`) : ""; // the playbook's are the rule, a whisper says it itself
  const state = card.state === "streaming" ? t("hints.streaming") : ago(card.at, now);
  const pinned = has(card, "pinned", marks) ? t("hints.pinned") : "";
  return html`<span class="k"><span aria-hidden="true">${ICON[card.priority]}</span> ${t(`kind.${card.kind}`)} · ${t(`priority.${card.priority}`)}
    <small>${[pinned, source, state].filter(Boolean).join(" · ")}</small></span>`;
}

function button(card, verdict, keyed, marks, actions) {
  const rated = verdict === "useful" || verdict === "useless";
  const pressed = rated ? rating(card, marks) === verdict : has(card, verdict, marks);
  return html`<button type="button" class=${verdict} aria-pressed=${pressed} @click=${() => actions.judge(card, verdict)}>
    ${t(pressed ? `verdict.${verdict}.done` : `verdict.${verdict}`)}${keyed ? html`<kbd aria-hidden="true">${VERDICT_KEYS[verdict]}</kbd>` : nothing}</button>`;
}

/** What its operator did with it. */
function judged({ verdicts }) {
  const done = Object.keys(VERDICT_KEYS).filter((verdict) => verdicts.includes(verdict));
  return done.length > 0 ? html`<p class="judged">${done.map((verdict) => t(`verdict.${verdict}.done`)).join(" · ")}</p>` : nothing;
}

function plan(steps) {
  return html`<h2>${t("plan")}</h2>
    <ul class="steps">${repeat(steps, (step) => step.id, (step) => html`<li class=${step.done ? "done" : "todo"}>
      <span>${step.title}</span>${step.done ? html`<span class="sr">: ${t("plan.done")}</span>` : nothing}</li>`)}</ul>`;
}
