/** A word into the operator's ear: a text that appears among the hints of one call at once. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { party } from "../text.js";

const MOST = 300; // characters: it is read while somebody talks
const SAID_FOR_MS = 6_000;

export class Whisper {
  #ask;
  #schedule;
  #drafts = new Map(); // call → text, of calls that were opened here
  #outcome = { call: null, sent: false, busy: false, fault: "" };

  constructor({ ask, schedule }) {
    this.#ask = ask;
    this.#schedule = schedule;
  }

  render(call) {
    const { sent, busy, fault } = this.#outcome.call === call.id ? this.#outcome : {};
    const to = call.operator ? party(call.operator) : t("leg.operator");
    return html`<form class="whisper" @submit=${(event) => this.#submit(event, call.id)}>
      <label for="whisper">${t("whisper.to", { who: to })}</label>
      <textarea id="whisper" rows="2" maxlength=${MOST} .value=${this.#drafts.get(call.id) ?? ""}
        @input=${(event) => this.#drafts.set(call.id, event.target.value)} @keydown=${onEnter}></textarea>
      <div class="row"><button class="primary" ?disabled=${busy}>${t("whisper.send")}</button>
        <small aria-hidden="true">${t("whisper.how")}</small></div>
      <p class=${fault ? "fault" : "said"} role="status">${fault || (sent ? t("whisper.sent") : nothing)}</p>
    </form>`;
  }

  async #submit(event, call) {
    event.preventDefault();
    const text = (this.#drafts.get(call) ?? "").trim();
    if (text === "" || this.#outcome.busy) return;
    this.#tell({ call, busy: true });
    try {
      await this.#ask(`api/calls/${encodeURIComponent(call)}/whisper`, { method: "POST", body: { text } });
      this.#drafts.delete(call);
      this.#tell({ call, sent: true });
      setTimeout(() => this.#outcome.sent && this.#tell({ call: null }), SAID_FOR_MS);
    } catch (fault) {
      const words = fault.code === "unknown_call" ? t("whisper.over") : fault.message;
      this.#tell({ call, fault: words }); // the text stays, to be sent again
    }
  }

  #tell(outcome) {
    this.#outcome = { sent: false, busy: false, fault: "", ...outcome };
    this.#schedule();
  }
}

/** Enter sends, Shift+Enter begins a line: one does not search for a button while somebody talks. */
function onEnter(event) {
  if (event.code !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}
