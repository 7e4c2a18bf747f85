/** Past calls: the search, and one call. What is loaded, and for which address. */
import { Fetched } from "../fetched.js";
import { between } from "../period.js";
import { callPage } from "./history-call.js";
import { Player } from "./history-player.js";
import { FIELDS, listPage } from "./history-list.js";
import { SummaryForm } from "./history-summary.js";

export function open({ ask, schedule, navigate }) {
  const found = new Fetched(schedule);
  const record = new Fetched(schedule);
  const player = new Player(schedule);
  const summary = new SummaryForm({ ask, schedule });
  let asked = {}; // the last search, for the way back from a call
  let shownAt = null; // call and moment that were scrolled to
  let width = 900;

  async function more(query) {
    const before = found.value;
    const next = await ask("api/history", { query: { ...restQuery(query), before: before.next } }).catch(() => null);
    if (next && found.value === before) found.value = { calls: [...before.calls, ...next.calls], next: next.next };
    schedule();
  }

  async function reveal(id) {
    await record.again(id, (signal) => ask(`api/calls/${encodeURIComponent(id)}/reveal`, { method: "POST", signal }));
  }

  function list(query) {
    asked = query;
    found.get(JSON.stringify(query), (signal) => ask("api/history", { query: restQuery(query), signal }));
    return listPage({ query, found, asked: restQuery(query) }, {
      search: (values) => navigate("history", null, values),
      more: () => more(query),
    });
  }

  function call({ id, query }, state) {
    if (record.value && record.value.id !== id) record.clear();
    record.get(id, (signal) => ask(`api/calls/${encodeURIComponent(id)}`, { signal }));
    return callPage({ id, record, asked, width, player, summary, extensions: state.me.extensions }, {
      reveal: () => reveal(id),
      seek: (ms) => player.seek(ms) || navigate("history", id, { ...query, at: Math.round(ms) }, { replace: true }),
    });
  }

  return {
    render: ({ route, state }) => (route.id === null ? list(route.query) : call(route, state)),
    rendered({ route }) {
      const room = document.querySelector(".timeline")?.clientWidth;
      if (room && room !== width) {
        width = room;
        schedule();
      }
      if (route.id !== null && record.value) shownAt = reveals(route, shownAt);
      player.rendered();
    },
    close() {
      player.close();
      found.clear();
      record.clear();
    },
  };
}

/** Scrolls to the moment of the address, once; what was scrolled to. */
function reveals({ id, query }, shownAt) {
  const wanted = `${id} ${query.at ?? ""}`;
  if (wanted === shownAt || !query.at) return wanted;
  const lines = [...document.querySelectorAll(".section [data-ms]")];
  const line = lines.findLast((element) => Number(element.dataset.ms) <= Number(query.at)) ?? lines[0];
  line?.scrollIntoView({ block: "center" });
  line?.focus({ preventScroll: true });
  return wanted;
}

/** The address's parameters as the server takes them: days become moments. */
function restQuery(query) {
  const known = Object.fromEntries(FIELDS.filter((name) => query[name]).map((name) => [name, query[name]]));
  return { ...known, ...between(query.from, query.to) };
}
