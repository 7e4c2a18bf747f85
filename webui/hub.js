/**
 * The shell around link.js: one WebSocket to `ws` beside the page, its timers, the clock. It reconnects by itself for
 * as long as the page is open.
 */
import { signIn } from "./api.js";
import { newLink, step } from "./link.js";
import { parse } from "./parse.js";

const TICK_MS = 250;

/**
 * `onMessage(message)` gets every parsed message in order, `onLink(link)` every change of the connection's state.
 * Returns {send(object) → false when not connected, retry()}.
 */
export function connect({ onMessage, onLink }) {
  let link = newLink();
  let socket = null;

  function feed(input) {
    const before = link;
    const { link: after, commands } = step(link, { now: performance.now(), random: Math.random(), ...input });
    link = after;
    commands.forEach(run);
    if (link !== before) onLink(link);
  }

  function run(command) {
    if (command.type === "open") open(command.query);
    else if (command.type === "close") drop();
    else if (command.type === "pong") send({ type: "pong" });
    else if (command.type === "probe") probe();
    else onMessage(command.message);
  }

  function open(query) {
    drop();
    const opening = new WebSocket(address(query));
    socket = opening;
    opening.onopen = () => feed({ type: "opened" });
    opening.onclose = (event) => feed({ type: "closed", code: event.code });
    opening.onmessage = ({ data }) => {
      const message = parse(data);
      if (message && socket === opening) feed({ type: "message", message });
    };
  }

  /** A socket that we leave says nothing any more, however late its close comes. */
  function drop() {
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
    socket = null;
  }

  function send(object) {
    if (link.phase !== "online" || socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(object));
    return true;
  }

  async function probe() {
    const reason = await refusal();
    if (reason !== null) feed({ type: "denied", reason });
  }

  setInterval(() => feed({ type: "tick" }), TICK_MS);
  addEventListener("online", () => feed({ type: "wake" }));
  document.addEventListener("visibilitychange", () => document.hidden || feed({ type: "wake" }));
  feed({ type: "tick" });
  return { send, retry: () => feed({ type: "wake" }) };
}

function address(query) {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams(query);
  url.hash = "";
  return url;
}

/** The server's words where it refuses this page (403), else null. Whom it does not know (401) it sends to sign in. */
async function refusal() {
  try {
    const response = await fetch("api/calls", { cache: "no-store" });
    if (response.status === 401) await signIn();
    if (response.status !== 401 && response.status !== 403) return null;
    const body = await response.json().catch(() => null);
    return body?.error?.message ?? "";
  } catch {
    return null; // no server at all: the retry goes on
  }
}
