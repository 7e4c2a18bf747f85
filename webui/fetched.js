/** What a section has asked of the server: the answer at hand, whether another is on its way, what went wrong. */
export class Fetched {
  value = null;
  fault = null;
  busy = false;
  #schedule;
  #key = null;
  #abort = null;

  constructor(schedule) {
    this.#schedule = schedule;
  }

  /** Asks where the key is another one than before; until the answer is there the last value stays. */
  get(key, load) {
    if (key !== this.#key) this.again(key, load);
    return this;
  }

  /** Asks in any case. `load(signal)` gives a promise; of two only the later one's answer counts. */
  async again(key, load) {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.#key = key;
    this.busy = true;
    this.fault = null;
    try {
      const value = await load(abort.signal);
      if (abort.signal.aborted) return;
      this.value = value;
    } catch (fault) {
      if (abort.signal.aborted) return;
      this.fault = fault;
    }
    this.busy = false;
    this.#schedule();
  }

  /** Forget all of it; an answer that is on its way counts no more. */
  clear() {
    this.#abort?.abort();
    this.#key = this.value = this.fault = null;
    this.busy = false;
  }
}
