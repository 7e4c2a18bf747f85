/** The list of calls: live ones, then those that ended. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { said, t } from "../i18n.js";
import { callState, party, phone, timeOfDay, timer } from "../text.js";
import { callMs } from "../select.js";

/** `sorted` as of `select.sortCalls`; `unseen(view)`: cards that nobody has looked at yet. */
export function calls({ sorted, role, shown, now, unseen }, actions) {
  const entry = (view) => item(view, { role, shown, now, unseen }, actions);
  return html`<nav class="calls" aria-label=${t("calls.all")}>
    <h2>${t(role === "operator" ? "calls.mine" : "calls.all")}</h2>
    ${sorted.live.length === 0 ? html`<p class="none">${t("calls.none")}</p>` : nothing}
    <div class="live">${repeat(sorted.live, (view) => view.call.id, entry)}</div>
    ${sorted.recent.length > 0 ? html`<h2 class="recent-title">${t("calls.recent")}</h2>` : nothing}
    <div class="recent">${repeat(sorted.recent, (view) => view.call.id, entry)}</div>
  </nav>`;
}

function item(view, { role, shown, now, unseen }, actions) {
  const { call } = view;
  const fresh = unseen(view);
  return html`<button type="button" class="call ${call.status}" aria-current=${call.id === shown ? "true" : "false"}
      @click=${() => actions.choose(call.id)}>
    <span class="n">${phone(call.client_number)}</span>
    <span class="t">${timer(callMs(view, now))}</span>
    <span class="s">${call.status === "ended" ? outcome(view) : doing(call, role)}</span>
    ${fresh > 0 ? html`<span class="badge" aria-label=${t("calls.newHints", { n: fresh })}>${fresh}</span>` : nothing}
  </button>`;
}

/** Whoever looks at others' calls is told whose each one is. */
function doing(call, role) {
  const whose = role !== "operator" && call.operator && call.status !== "ringing" ? party(call.operator) : "";
  return [whose, callState(call)].filter(Boolean).join(" · ");
}

function outcome({ call, end, summary }) {
  const what = summary?.outcome || said(end?.reason ?? "") || callState(call);
  return [timeOfDay(call.started_at), what].filter(Boolean).join(" · ");
}
