/**
 * Pure. The connection's state machine: `step(link, input) → {link, commands}`. No socket, no clock, no randomness:
 * every input carries `now` (monotonic ms), those that schedule a retry `random` in [0, 1). hub.js acts on the commands.
 *
 *   connecting ──opened──► greeting ──snapshot, resumed──► online
 *       ▲                     │                              │ silence, closed, a broken chain
 *       └──retry time, wake── waiting ◄──────────────────────┘
 *       └──retry time, wake── denied  ◄── the server refuses this page (its words in `reason`)
 *
 * The chain: each message's `prev` is the `cursor` of the one before it. Where it does not match something is missing,
 * and the page reopens from the last message it took, or from nothing when the chain breaks again at once.
 */

export const CONNECT_TIMEOUT_MS = 10_000;
export const SILENCE_MS = 12_000; // two heartbeats (5 s) and some network
const STEADY_MS = 10_000; // online for so long: the next loss starts at the first back-off again
const DENIED_RETRY_MS = 30_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
const FROM_NOTHING_AFTER = 2; // losses in a row until the page asks for a snapshot instead of what it missed

/** phase: connecting | greeting | online | waiting | denied. */
export function newLink() {
  return { phase: "waiting", since: 0, retryAt: 0, heardAt: null, attempts: 0, epoch: null, cursor: null, reason: null };
}

/**
 * Inputs: {type: "tick" | "wake" | "opened" | "closed" | "denied" | "message", now, …}; `message` has a parsed
 * message, `closed` the socket's code, `denied` the server's reason.
 * Commands: {type: "open", query} | {type: "close"} | {type: "pong"} | {type: "probe"} | {type: "deliver", message}.
 */
export function step(link, input) {
  const handler = TABLE[link.phase][input.type];
  return handler ? handler(link, input) : { link, commands: [] };
}

const TABLE = {
  waiting: { tick: openWhenDue, wake: open, denied },
  denied: { tick: openWhenDue, wake: open },
  connecting: { tick: giveUpWhenLate, opened, closed: refused, denied },
  greeting: { tick: giveUpWhenLate, message: greeted, closed: lost },
  online: { tick: reopenWhenSilent, message: heard, closed: lost },
};

function open(link, { now }) {
  const query = link.epoch !== null && link.cursor !== null ? { epoch: link.epoch, cursor: link.cursor } : {};
  return { link: { ...link, phase: "connecting", since: now }, commands: [{ type: "open", query }] };
}

function openWhenDue(link, input) {
  return input.now >= link.retryAt ? open(link, input) : { link, commands: [] };
}

function giveUpWhenLate(link, input) {
  return input.now - link.since < CONNECT_TIMEOUT_MS ? { link, commands: [] } : reopen(link, input);
}

function opened(link, { now }) {
  return { link: { ...link, phase: "greeting", since: now }, commands: [] };
}

/** The browser does not say why a handshake failed, so the shell asks over HTTP (`probe`). */
function refused(link, input) {
  return retry(link, input, [{ type: "probe" }]);
}

function lost(link, input) {
  const byPolicy = input.code === 1008 || input.code >= 4000; // RFC 6455 §7.4: a right was withdrawn, perhaps
  return retry(link, input, byPolicy ? [{ type: "probe" }] : []);
}

function reopenWhenSilent(link, input) {
  return input.now - link.heardAt < SILENCE_MS ? { link, commands: [] } : reopen(link, input);
}

/** Also when the next try is already under way: that is given up. */
function denied(link, { now, reason }) {
  return { link: { ...link, phase: "denied", reason, retryAt: now + DENIED_RETRY_MS }, commands: [{ type: "close" }] };
}

function greeted(link, input) {
  const { message, now } = input;
  const goesOn = message.type === "resumed" && message.cursor === link.cursor;
  if (message.type !== "snapshot" && !goesOn) return reopen(link, input);
  const epoch = message.epoch ?? link.epoch;
  const online = { ...link, phase: "online", since: now, heardAt: now, epoch, cursor: message.cursor, reason: null };
  return { link: online, commands: [{ type: "deliver", message }] };
}

function heard(link, input) {
  const { message, now } = input;
  if (message.prev !== link.cursor) return reopen(link, input);
  const attempts = now - link.since >= STEADY_MS ? 0 : link.attempts;
  const commands = [{ type: "deliver", message }];
  if (message.type === "heartbeat") commands.push({ type: "pong" });
  return { link: { ...link, heardAt: now, cursor: message.cursor, attempts }, commands };
}

function reopen(link, input) {
  return retry(link, input, [{ type: "close" }]);
}

function retry(link, { now, random }, commands) {
  const attempts = link.attempts + 1;
  const cursor = attempts > FROM_NOTHING_AFTER && link.phase !== "connecting" ? null : link.cursor;
  return { link: { ...link, phase: "waiting", attempts, cursor, retryAt: now + delay(attempts, random) }, commands };
}

/** Full jitter between half and the whole of a delay that doubles up to ten seconds. */
export function delay(attempts, random) {
  const whole = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1));
  return whole / 2 + (random * whole) / 2;
}
