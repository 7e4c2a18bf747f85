/** One call of the wall, opened: to be read, not to be worked on; and a word into the operator's ear. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { Follow } from "../follow.js";
import { t } from "../i18n.js";
import { isLive, rows, sortCalls } from "../select.js";
import { NO_MARKS } from "../verdicts.js";
import { calls } from "./calls.js";
import { hints } from "./hints.js";
import { talk } from "./talk.js";
import { Whisper } from "./whisper.js";

export class Overheard {
  #follow;
  #whisper;
  #actions;
  #opened = new Set();
  #showHidden = false;
  #view = null;
  #readTo = 0;
  #revealed = null; // the call whose place in the list was brought into sight

  constructor({ ask, schedule, navigate }) {
    this.#whisper = new Whisper({ ask, schedule });
    this.#follow = new Follow(() => {
      this.#readTo = this.#view ? rows(this.#view).length : 0;
      schedule();
    });
    this.#actions = {
      choose: (id) => navigate("wall", id),
      back: () => navigate("wall"),
      newest: () => this.#follow.toNewest(),
      open: (id) => {
        this.#opened.add(id);
        schedule();
      },
      toggleHidden: () => {
        this.#showHidden = !this.#showHidden;
        schedule();
      },
    };
  }

  render(view, { state, link, now }) {
    if (view.call.id !== this.#view?.call.id) this.#follow.restart();
    this.#view = view;
    const unread = this.#follow.following ? 0 : rows(view).length - this.#readTo;
    const textOff = ["down", "off"].includes(state.system.stt.state);
    const words = { view, now, unread, followable: false, connected: link.phase === "online", textOff };
    const panel = { view, now, marks: NO_MARKS, opened: this.#opened, target: null, showHidden: this.#showHidden, readOnly: true };
    const { live } = sortCalls(state.calls);
    const list = { sorted: { live, recent: [] }, role: state.me.role, shown: view.call.id, now, unseen: () => 0 };
    return html`<div class="desk">
      <div class="aside"><button type="button" class="plain back" @click=${this.#actions.back}><span aria-hidden="true">←</span> ${t("wall.back")}</button>
        ${calls(list, this.#actions)}</div>
      ${talk(words, this.#actions)}
      ${hints({ ...panel, before: isLive(view) ? this.#whisper.render(view.call) : nothing }, this.#actions)}
    </div>`;
  }

  /** After the page has what `render` gave. */
  rendered() {
    this.#follow.settle(document.querySelector(".wall .log"));
    if (this.#revealed === this.#view?.call.id) return;
    this.#revealed = this.#view?.call.id ?? null;
    document.querySelector('.wall .call[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }
}
