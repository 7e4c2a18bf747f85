/**
 * Tells the server when the first card of an utterance is on screen (the last step of its speech → screen histogram), and
 * knows which cards are new to whoever sits here. Cards of a snapshot carry no cursor and are not measured.
 */
const OPENED_LATER_MS = 10_000; // nobody was looking when the card came: that is no slowness of ours

export class Painted {
  #send;
  #utterances = new Set();
  #seen = new Set();
  #shownAt = new Map();

  constructor(send) {
    this.#send = send;
  }

  /** A new snapshot: whatever was measured before does not come again. */
  reset() {
    this.#utterances.clear();
    this.#seen.clear();
    this.#shownAt.clear();
  }

  /** How many cards have come since the call was last on screen. */
  unseen(view) {
    return view.cards.filter((card) => card.cursor !== null && !this.#seen.has(card.id)).length;
  }

  /** How long a card has been on screen, ms; 0 before it is. */
  shownFor(card, now) {
    return now - (this.#shownAt.get(card.id) ?? now);
  }

  /**
   * After a frame was painted at `now` (monotonic ms): `view` is the call on screen, `isOnScreen(id)` whether that card is
   * in sight, `serverMs` the server's time of day.
   */
  look(view, isOnScreen, now, serverMs) {
    for (const card of view.cards) {
      this.#seen.add(card.id);
      if (this.#shownAt.has(card.id) || !isOnScreen(card.id)) continue;
      this.#shownAt.set(card.id, now);
      this.#report(view.call.id, card, serverMs);
    }
  }

  #report(call, { utterance, cursor, at }, serverMs) {
    const key = `${call} ${utterance}`;
    if (utterance === null || this.#utterances.has(key)) return;
    this.#utterances.add(key);
    if (cursor !== null && serverMs - Date.parse(at) < OPENED_LATER_MS) this.#send({ type: "painted", cursor });
  }
}
