/** A hub that resumes while it has the messages; between it and the page a network that loses, repeats and swaps. */
import { newLink, step } from "../../webui/link.js";
import { INITIAL, reduce } from "../../webui/reduce.js";
import { message } from "./messages.mjs";

const HEALTHY_ROUNDS = 100; // after which a page must have all, whatever happened before

export class Wire {
  constructor(next) {
    this.next = next;
    this.log = [];
    this.queue = [];
    this.forgotten = 0;
  }

  say(type, members) {
    const cursor = String(this.log.length + 1);
    const sent = [type, members, { cursor, prev: String(this.log.length) }];
    this.log.push(sent);
    const fate = this.next();
    if (fate < 0.1) return;
    this.queue.push(sent);
    if (fate > 0.95) this.queue.push(sent);
    if (fate > 0.85 && fate < 0.9) this.queue.reverse();
  }

  open({ cursor }, snapshotNow) {
    if (cursor === undefined || Number(cursor) < this.forgotten) {
      this.queue = [["snapshot", snapshotNow(), { cursor: String(this.log.length), prev: null }]];
      return;
    }
    this.queue = [["resumed", { epoch: "e1" }, { cursor, prev: cursor }], ...this.log.slice(Number(cursor))];
  }

  beat() {
    const cursor = String(this.log.length);
    this.queue.push(["heartbeat", {}, { cursor, prev: cursor }]);
  }
}

/** A page at the end of the wire: link and reducer, as hub.js and app.js put them together. */
export class PageModel {
  constructor(wire, next, snapshotNow) {
    Object.assign(this, { wire, next, snapshotNow, link: newLink(), state: INITIAL, now: 0 });
  }

  /** Time goes by, and all that is on its way arrives. */
  drain() {
    this.now += 250;
    this.#feed({ type: "tick" });
    while (this.wire.queue.length > 0) this.#feed({ type: "message", message: message(...this.wire.queue.shift()) });
  }

  /** Heartbeats come for a while and nothing is lost any more. */
  recover() {
    for (let n = 0; n < HEALTHY_ROUNDS; n += 1) {
      this.wire.beat();
      this.drain();
    }
  }

  #feed(input) {
    const { link, commands } = step(this.link, { now: this.now, random: this.next(), ...input });
    this.link = link;
    for (const command of commands) {
      if (command.type === "open") this.wire.open(command.query, this.snapshotNow), this.#feed({ type: "opened" });
      if (command.type === "close") this.wire.queue = [];
      if (command.type === "deliver") this.state = reduce(this.state, command.message);
    }
  }
}
