/** At the ring, before the first word: what this client's earlier calls came to, and what was promised. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { addressOf } from "../router.js";
import { dateAndTime, party, wholeDuration } from "../text.js";

const REMEMBERED = 50; // calls whose answers are kept

/** A function of the call on screen (null for none) and of whoever looks. It asks the server once per call. */
export function createRing({ ask, schedule }) {
  const known = new Map(); // call id → {calls, total}; null while it is on its way or where there is no answer

  async function load({ id, client_number: number }) {
    known.set(id, null);
    if (known.size > REMEMBERED) known.delete(known.keys().next().value);
    try {
      known.set(id, await ask(`api/numbers/${encodeURIComponent(number)}`));
      schedule();
    } catch {
      // the call itself goes on: nothing is said about the past
    }
  }

  return function ring(view, me) {
    const { call } = view ?? {};
    if (!call || call.client_number === null || call.status === "ended") return nothing;
    if (!known.has(call.id)) load(call);
    const found = known.get(call.id);
    return found ? card(found, call, view.lines.length > 0, me) : nothing;
  };
}

function card({ calls, total }, call, talking, me) {
  const earlier = calls.filter(({ id }) => id !== call.id);
  if (earlier.length === 0) return talking ? nothing : html`<p class="ring none">${t("ring.first")}</p>`;
  const promised = earlier.flatMap((item) => item.summary?.actions ?? []).length;
  return html`<details class="ring" ?open=${!talking}>
    <summary>${t("ring.earlier", { n: Math.max(total, earlier.length) })}${promised > 0 ? html` · <b>${t("ring.promises", { n: promised })}</b>` : nothing}</summary>
    <ol>${earlier.map((item) => entry(item, me))}</ol>
  </details>`;
}

function entry(item, me) {
  const { summary, operator } = item;
  const facts = [operator === null ? t("ring.missed") : party(operator), operator !== null && wholeDuration(item.duration_ms)];
  const words = [dateAndTime(item.started_at), ...facts].filter(Boolean).join(" · ");
  return html`<li>
    <p class="when">${maySee(item, me) ? html`<a href=${addressOf("history", item.id)}>${words}</a>` : words}</p>
    <p>${summary?.outcome || item.reason}</p>
    ${summary && summary.actions.length > 0 ? html`<p class="promised">${t("ring.promised")}</p><ul>${summary.actions.map((action) => html`<li>${action}</li>`)}</ul>` : nothing}
  </li>`;
}

/** An operator may open calls that were his own; others he is only told of. */
function maySee({ operator }, me) {
  return me.role !== "operator" || me.extensions.includes(operator);
}
