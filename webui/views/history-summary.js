/** What became of a call, to be corrected by people: a draft per call stays while the section is on screen. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";

const NONE = { need: "", outcome: "", actions: [] };

export class SummaryForm {
  #ask;
  #schedule;
  #drafts = new Map(); // call id → {need, outcome, actions as one text}
  #states = new Map(); // call id → {busy} | {saved} | {fault}

  constructor({ ask, schedule }) {
    this.#ask = ask;
    this.#schedule = schedule;
  }

  render(id, call) {
    const state = this.#states.get(id) ?? {};
    const draft = this.#drafts.get(id);
    const values = draft ?? asDraft(call.summary ?? NONE);
    return html`<form class="panel summary" aria-label=${t("history.summary")} @submit=${(event) => this.#save(event, id, call)}>
      <h3>${t("history.summary")}</h3>
      ${["need", "outcome", "actions"].map((name) => html`<label class="field">${t(`history.summary.${name}`)}
        <textarea name=${name} rows=${name === "actions" ? 4 : 3} maxlength="2000" .value=${values[name]} @input=${(event) => this.#note(event, id, call)}></textarea></label>`)}
      <div class="line">
        <button class="primary" ?disabled=${!draft || state.busy}>${t("history.save")}</button>
        ${draft && !state.busy ? html`<button type="button" class="plain" @click=${() => this.#undo(id)}>${t("history.undo")}</button>` : nothing}
        <span role="status">${state.saved && !draft ? t("history.saved") : nothing}</span>
      </div>
      ${state.fault ? html`<p class="fault" role="alert">${state.fault.code === "not_allowed" ? t("history.notYours") : state.fault.message}</p>` : nothing}
    </form>`;
  }

  #note({ target }, id, call) {
    const before = this.#drafts.get(id) ?? asDraft(call.summary ?? NONE);
    this.#drafts.set(id, { ...before, [target.name]: target.value });
    this.#schedule();
  }

  #undo(id) {
    this.#drafts.delete(id);
    this.#states.delete(id);
    this.#schedule();
  }

  /** What is typed while it is being saved stays a draft. */
  async #save(event, id, call) {
    event.preventDefault();
    const draft = this.#drafts.get(id);
    if (!draft) return;
    this.#states.set(id, { busy: true });
    this.#schedule();
    try {
      const actions = draft.actions.split("\n").map((line) => line.trim()).filter(Boolean);
      const body = { ...(call.summary ?? {}), need: draft.need.trim(), outcome: draft.outcome.trim(), actions };
      const saved = await this.#ask(`api/calls/${encodeURIComponent(id)}/summary`, { method: "PUT", body });
      call.summary = saved;
      if (this.#drafts.get(id) === draft) this.#drafts.delete(id);
      this.#states.set(id, { saved: true });
    } catch (fault) {
      this.#states.set(id, { fault });
    }
    this.#schedule();
  }
}

function asDraft({ need, outcome, actions }) {
  return { need, outcome, actions: actions.join("\n") };
}
