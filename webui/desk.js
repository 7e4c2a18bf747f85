/**
 * The operator's page at work: which call is on it, which cards are open, what a key means. The shell between the state
 * and the views; what it shows is decided in select.js.
 */
import { html } from "./vendor/lit-html/lit-html.js";
import { Follow } from "./follow.js";
import { Painted } from "./painted.js";
import { activeCall, ownCall, rows, sortCalls, sortCards } from "./select.js";
import { calls } from "./views/calls.js";
import { hints } from "./views/hints.js";
import { createRing } from "./views/ring.js";
import { talk, waiting } from "./views/talk.js";

const GRACE_MS = 600; // a card that came under the finger just now is not yet the keys' card

export class Desk {
  #page;
  #feedback;
  #schedule;
  #state = null;
  #painted;
  #follow;
  #chosen = null; // the call that the person picked
  #shown = null; // the call on screen
  #readTo = 0; // rows that were there when the reader left the bottom
  #newestCard = null;
  #opened = new Set();
  #showHidden = false;
  #ring;

  /** `page`: the element that all is rendered into; `send(message)` to the hub, `ask` its REST; `schedule()` asks for a frame. */
  constructor({ page, feedback, send, ask, schedule }) {
    this.#ring = createRing({ ask, schedule });
    this.#page = page;
    this.#feedback = feedback;
    this.#schedule = schedule;
    this.#painted = new Painted(send);
    this.#follow = new Follow(() => {
      this.#readTo = this.#rowCount();
      schedule();
    });
  }

  /** The view of the call that belongs on screen, null for none. */
  look(state) {
    this.#state = state;
    const active = activeCall(state.calls, state.me.extensions, this.#chosen, this.#shown);
    if (active !== this.#shown) this.#follow.restart();
    this.#shown = active;
    return this.view;
  }

  get view() {
    return this.#state?.calls.get(this.#shown) ?? null;
  }

  render({ state, link, now }) {
    const { view } = this;
    const own = ownCall(state.calls, state.me.extensions, this.#shown);
    const unread = view && !this.#follow.following ? rows(view).length - this.#readTo : 0;
    const connected = link.phase === "online";
    const textOff = ["down", "off"].includes(state.system.stt.state);
    const words = { view, now, unread, followable: own !== null && own !== this.#shown, connected, textOff };
    const panel = { view, now, marks: this.#feedback.marks, opened: this.#opened, target: this.#target()?.id, showHidden: this.#showHidden, before: this.#ring(view, state.me) };
    const unseen = (item) => this.#painted.unseen(item);
    const list = { sorted: sortCalls(state.calls), role: state.me.role, shown: this.#shown, now, unseen };
    return html`<main class="desk" tabindex="-1">${calls(list, this.actions)}${view ? talk(words, this.actions) : waiting(state)}
      ${hints(panel, this.actions)}</main>`;
  }

  /** After the page has what `render` gave; `serverMs`: the server's time of day. */
  rendered(serverMs) {
    const { view } = this;
    this.#follow.settle(this.#page.querySelector(".log"));
    this.#revealNewest(view);
    if (view && !document.hidden) {
      setTimeout(() => this.#painted.look(view, (id) => this.#isOnScreen(id), performance.now(), serverMs));
    }
  }

  /** A new snapshot has come. */
  restarted() {
    this.#painted.reset();
  }

  actions = {
    choose: (id) => {
      this.#chosen = id;
      this.#schedule();
    },
    follow: () => {
      this.#chosen = null;
      this.#shown = ownCall(this.#state.calls, this.#state.me.extensions, null) ?? this.#shown;
      this.#schedule();
    },
    newest: () => this.#follow.toNewest(),
    open: (id) => {
      const held = focusedCard() === id;
      this.#opened = new Set(this.#opened).add(id);
      this.#schedule();
      if (held) requestAnimationFrame(() => focusOn(this.#cards().find((element) => element.dataset.card === id)));
    },
    toggleHidden: () => {
      this.#showHidden = !this.#showHidden;
      this.#schedule();
    },
    judge: async (card, verdict) => {
      const next = verdict === "dismissed" ? this.#neighbour(card.id, 1) ?? this.#neighbour(card.id, -1) : null;
      await this.#feedback.judge(card, verdict);
      this.#schedule();
      if (next && focusedCard() === card.id) requestAnimationFrame(() => focusOn(next));
    },
  };

  /** A key that means something here (`wanted` as of keys.js). */
  act(wanted) {
    if (wanted.type === "newest") return this.actions.newest();
    if (wanted.type === "card") return focusOn(this.#neighbour(focusedCard(), wanted.by));
    const card = wanted.type === "verdict" ? this.#target() : null;
    return card && this.actions.judge(card, wanted.verdict);
  }

  /** The card that the keys act on: the focused one, else the newest in full that has been there for a moment. */
  #target() {
    const cards = this.view?.cards ?? [];
    const { full } = sortCards(cards, this.#feedback.marks);
    const focused = cards.find((card) => card.id === focusedCard());
    const now = performance.now();
    return focused ?? full.find((card) => this.#painted.shownFor(card, now) >= GRACE_MS) ?? full[0];
  }

  /** A new card is at the top of the panel; whoever has scrolled down or works there is not disturbed. */
  #revealNewest(view) {
    const id = view?.cards.at(-1)?.id ?? null;
    const panel = this.#page.querySelector(".hints");
    if (panel && id !== this.#newestCard && !panel.matches(":hover, :focus-within")) panel.scrollTop = 0;
    this.#newestCard = id;
  }

  #rowCount() {
    return this.view ? rows(this.view).length : 0;
  }

  #cards() {
    return [...this.#page.querySelectorAll("[data-card]")];
  }

  /** The card before or after the one with `id` (the first one where there is none), as an element; null at the ends. */
  #neighbour(id, by) {
    const cards = this.#cards();
    const at = cards.findIndex((element) => element.dataset.card === id);
    return (at < 0 ? cards[0] : cards[at + by]) ?? null;
  }

  #isOnScreen(id) {
    const card = this.#cards().find((element) => element.dataset.card === id)?.getBoundingClientRect();
    const panel = this.#page.querySelector(".hints")?.getBoundingClientRect();
    return Boolean(card && panel) && card.top < Math.min(panel.bottom, innerHeight) && card.bottom > panel.top;
  }
}

/** A folded card is a button, so that Enter unfolds it. */
function focusOn(card) {
  (card?.querySelector(":scope > button") ?? card)?.focus();
}

function focusedCard() {
  return document.activeElement?.closest("[data-card]")?.dataset.card ?? null;
}
