/**
 * Scrolling that follows the talk and yields to the reader: at the bottom it stays at the bottom; once somebody scrolls
 * up nothing moves under his eyes until he comes back. The shell of the transcript's scroller.
 */
const AT_BOTTOM_PX = 4;

export class Follow {
  #scroller = null;
  #resized;
  #lastTop = 0;
  #held = new Set(); // paragraphs whose height is held
  #changed;
  following = true;

  /** `onChange` is called when the reader leaves or returns. */
  constructor(onChange) {
    this.#changed = onChange;
    this.#resized = new ResizeObserver(() => this.following && this.toNewest());
  }

  /** After every render, with the scroller that is now in the page (null: none). */
  settle(scroller) {
    if (scroller !== this.#scroller) this.#attach(scroller);
    if (!scroller) return;
    this.#holdHeights(scroller);
    if (this.following) this.toNewest();
  }

  /** Another talk is on screen: begin at its newest words. */
  restart() {
    this.following = true;
  }

  toNewest() {
    if (!this.#scroller) return;
    this.#set(true);
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #attach(scroller) {
    this.#resized.disconnect();
    this.#scroller = scroller;
    this.following = true;
    if (!scroller) return;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#resized.observe(scroller);
    this.#resized.observe(scroller.firstElementChild);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (scrollHeight - scrollTop - clientHeight <= AT_BOTTOM_PX) this.#set(true);
    else if (scrollTop < this.#lastTop) this.#set(false);
    this.#lastTop = scrollTop;
  }

  #set(following) {
    if (this.following === following) return;
    this.following = following;
    this.#changed();
  }

  /** A tail that gets shorter must not pull the page down: an open line only grows, until it is final. */
  #holdHeights(scroller) {
    const open = new Set(scroller.querySelectorAll(".chunk:nth-last-child(-n+3) .u.open p"));
    for (const paragraph of this.#held) {
      if (!open.has(paragraph)) paragraph.style.minHeight = "";
    }
    for (const paragraph of open) paragraph.style.minHeight = `${paragraph.offsetHeight}px`;
    this.#held = open;
  }
}
