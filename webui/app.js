/** The composition: hub → reduce → views, one render per animation frame; clicks and keys go back to the hub. */
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { Alarm } from "./alarm.js";
import { QUIET, announce } from "./announce.js";
import { ask, signIn } from "./api.js";
import { NO_SAMPLES, sample, serverNow } from "./clock.js";
import { Desk } from "./desk.js";
import { Feedback } from "./feedback.js";
import { connect } from "./hub.js";
import { addWords, speak, t } from "./i18n.js";
import { action } from "./keys.js";
import { newLink } from "./link.js";
import { Preferences } from "./preferences.js";
import { INITIAL, reduce } from "./reduce.js";
import { addressOf, routeOf } from "./router.js";
import { banner, claimOf, isLive, ownCall } from "./select.js";
import { Stage } from "./stage.js";
import { phone, urgent } from "./text.js";
import { bar, notices } from "./views/bar.js";
import { help } from "./views/help.js";
import { spoken } from "./views/talk.js";

const FRESH = ["snapshot", "resumed", "heartbeat"]; // stamped when sent, not when something happened
const page = document.getElementById("page");

let state = INITIAL;
let link = newLink();
let lostAt = performance.now();
let samples = NO_SAMPLES;
let said = QUIET;
let ownOnCall; // the call that the person is on himself, null for none; not known before the first snapshot
let section = null; // the name of what is on screen
let settled = false; // that is where the person wanted to be: before the first snapshot nobody knows his role
let scheduled = false;

const preferences = new Preferences(onPreferences);
await learn(preferences.values.language);
const hub = connect({ onMessage, onLink });
const send = (message) => hub.send(message);
const feedback = new Feedback(send);
const desk = new Desk({ page, feedback, send, ask, schedule });
const alarm = new Alarm(preferences, () => actions.toOwnCall());
const stage = new Stage({ ask, preferences, schedule, navigate, alarm, signOut: () => actions.signOut() });

function onMessage(message) {
  if (message.type === "snapshot") desk.restarted();
  if (FRESH.includes(message.type)) samples = sample(samples, message.at, Date.now());
  state = reduce(state, message);
  schedule();
}

function onLink(changed) {
  link = changed;
  if (link.phase !== "online") lostAt ??= performance.now();
  else if (lostAt !== null) {
    lostAt = null;
    feedback.flush();
  }
  schedule();
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(frame);
}

function frame() {
  scheduled = false;
  followOwnCall();
  const route = routeOf(location.hash, state.me);
  const shown = { route, state, link, now: serverNow(samples, Date.now()) };
  const view = desk.look(state);
  said = announce(said, view, performance.now());
  alarm.signal(said.alert);
  enter(route.name);
  render(whole(shown), page);
  document.title = title(route, view);
  if (route.name === "calls") desk.rendered(shown.now);
  else stage.rendered(shown);
}

function whole(shown) {
  const { route } = shown;
  const elsewhere = route.name === "calls" ? null : ownCall(state.calls, state.me.extensions, null);
  const strip = { banner: banner(state, link, lostAt, performance.now()), link, ownCall: state.calls.get(elsewhere)?.call ?? null };
  return html`${bar({ state, link, section: route.name }, actions)}${notices(strip, actions)}
    ${route.name === "calls" ? desk.render(shown) : stage.render(shown)}
    ${spoken(said)}<div class="sr" role="alert">${said.alert ? urgent(said.alert) : nothing}</div>
    ${help(preferences.values.keys, actions)}`;
}

/** Another section: its heading is not read by itself, so the focus goes there, unless it is the first one. */
function enter(name) {
  if (name === section) {
    settled ||= state.ready;
    return;
  }
  if (settled) requestAnimationFrame(() => page.querySelector("main")?.focus({ preventScroll: true }));
  section = name;
  settled = state.ready;
  stage.show(name === "calls" ? null : name);
}

/** Whoever takes a call gets to see it, wherever he was; whoever is writing something is only told. */
function followOwnCall() {
  if (!state.ready) return;
  const own = ownCall(state.calls, state.me.extensions, ownOnCall);
  const onCall = own !== null && claimOf(state.calls.get(own), state.me.extensions) === 2 ? own : null;
  const taken = onCall !== null && ownOnCall !== undefined && onCall !== ownOnCall;
  if (taken && section !== null && section !== "calls" && !isWriting()) navigate("calls");
  ownOnCall = onCall;
}

function isWriting() {
  return document.activeElement?.matches("input, textarea, select, [contenteditable]") ?? false;
}

function title(route, view) {
  const subject = route.name === "calls" ? view && isLive(view) && phone(view.call.client_number) : t(`nav.${route.name}`);
  return [subject, "ari bridge"].filter(Boolean).join(" · ");
}

/** To a section of the page; `replace`: the way back skips where we were. */
function navigate(name, id = null, query = {}, { replace = false } = {}) {
  const address = addressOf(name, id, query);
  if (replace) history.replaceState(null, "", address);
  else if (location.hash !== address) history.pushState(null, "", address);
  schedule();
}

const actions = {
  help: () => page.querySelector("#help").showModal(),
  keys: (on) => preferences.set("keys", on),
  retry: () => hub.retry(),
  toOwnCall() {
    desk.actions.follow();
    navigate("calls");
  },
  async signOut() {
    await ask("api/logout", { method: "POST" }).catch(() => null); // no server: the sign-in page says so
    signIn();
  },
};

/** Words that are frozen into lines of a talk change too: everything is drawn anew. */
async function onPreferences(values, before) {
  if (values.language !== before.language) {
    await learn(values.language);
    await stage.learn(values.language);
    render(nothing, page);
  }
  schedule();
}

/** The daemon speaks Russian: its phrases are needed in both languages when another one is spoken. */
async function learn(language) {
  if (language !== "ru") {
    const parts = [[language, language], [language, `reason.${language}`], ["ru", "reason.ru"]];
    await Promise.all(parts.map(async ([one, name]) => addWords(one, (await import(`./words/${name}.js`)).WORDS)));
  }
  speak(language);
}

function onKey(event) {
  const list = event.target.closest?.(".calls");
  if (list && (event.code === "ArrowDown" || event.code === "ArrowUp")) return moveInList(list, event);
  if (page.querySelector("dialog[open]")) return undefined;
  if (section !== "calls" && stage.key(event)) return event.preventDefault();
  const wanted = action(event, preferences.values.keys);
  if (!wanted) return undefined;
  event.preventDefault();
  if (wanted.type === "help") return actions.help();
  if (wanted.type === "own") return actions.toOwnCall();
  return section === "calls" ? desk.act(wanted) : undefined;
}

function moveInList(list, event) {
  const items = [...list.querySelectorAll(".call")];
  const by = event.code === "ArrowDown" ? 1 : -1;
  items[items.indexOf(document.activeElement) + by]?.focus();
  event.preventDefault();
}

addEventListener("keydown", onKey);
addEventListener("hashchange", schedule);
addEventListener("popstate", schedule);
page.addEventListener("focusin", schedule);
document.addEventListener("visibilitychange", schedule);
setInterval(schedule, 1000);
schedule();
