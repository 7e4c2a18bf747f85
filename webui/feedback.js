/** The shell of what the operator does with cards: marks them at once, tells the server as soon as it listens. */
import { NO_MARKS, has, mark } from "./verdicts.js";

const MAX_WAITING = 100; // clicks of a long offline spell; the oldest go first

export class Feedback {
  #send;
  #waiting = [];
  marks = NO_MARKS;

  /** `send(message)` is false while there is no connection. */
  constructor(send) {
    this.#send = send;
  }

  /** The click on a card's button. Taking a pin back is this page's own affair: the contract has no word for it. */
  async judge(card, verdict) {
    if (verdict === "copied") await copy(card.content);
    const before = has(card, verdict, this.marks);
    this.marks = mark(this.marks, card, verdict);
    if (!before || has(card, verdict, this.marks)) this.#tell({ type: "feedback", id: card.id, verdict });
  }

  /** After the connection is back. */
  flush() {
    while (this.#waiting.length > 0 && this.#send(this.#waiting[0])) this.#waiting.shift();
  }

  #tell(message) {
    this.#waiting.push(message);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    this.flush();
  }
}

/** To the clipboard; by the old way on a page without TLS, where browsers offer no other. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr";
    document.body.append(field);
    const focused = document.activeElement;
    field.select();
    document.execCommand("copy");
    field.remove();
    focused?.focus();
  }
}
