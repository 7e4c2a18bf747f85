/** The playbook: edited or uploaded, checked as one types, tried on past calls, saved, had back. A draft outlives the section. */
import { html } from "../vendor/lit-html/lit-html.js";
import { Fetched } from "../fetched.js";
import { t } from "../i18n.js";
import { between, presets } from "../period.js";
import { editor, show } from "./playbook-editor.js";
import { preview } from "./playbook-preview.js";
import { versions } from "./playbook-versions.js";

const CHECK_AFTER_MS = 800;
const LARGEST_FILE = 2_000_000; // bytes; the server takes 400,000 characters

let draft = null; // {text, base}: what was typed and not saved, and the version it was made from

export function open({ ask, schedule }) {
  const current = new Fetched(schedule);
  const checked = new Fetched(schedule);
  const tried = new Fetched(schedule);
  const kept = new Fetched(schedule);
  let timer = 0;
  let saving = null; // {busy} | {fault} | {done: what was saved}
  let days = null; // of the calls to try it on
  load();

  const text = () => draft?.text ?? current.value?.text ?? "";

  async function load() {
    const versionsToo = kept.again("", (signal) => ask("api/playbook/versions", { signal }));
    await Promise.all([current.again("", (signal) => ask("api/playbook", { signal })), versionsToo]);
    if (current.value) check();
  }

  function check() {
    checked.again(text(), (signal) => ask("api/playbook/check", { method: "POST", body: { text: text() }, signal }));
    schedule();
  }

  function change(value) {
    const base = draft?.base ?? current.value.version;
    draft = value === current.value.text && base === current.value.version ? null : { text: value, base };
    if (saving && !saving.busy) saving = null;
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_AFTER_MS);
    schedule();
  }

  async function put(work) {
    saving = { busy: true };
    schedule();
    try {
      const { sent, answer } = await work();
      if (draft?.text === sent) draft = null;
      else if (draft && sent !== undefined) draft.base = answer.version;
      saving = { done: answer };
      await load();
    } catch (fault) {
      saving = { fault };
      if (fault.details?.line) show(fault.details.line);
    }
    schedule();
  }

  const actions = {
    change,
    async upload(file) {
      if (!file) return;
      if (file.size > LARGEST_FILE) saving = { fault: { message: t("playbook.tooLarge") } };
      else change(await file.text());
      schedule();
    },
    save: () => put(async () => {
      const sent = text();
      const base = draft?.base ?? current.value.version;
      return { sent, answer: await ask("api/playbook", { method: "PUT", body: { text: sent, base } }) };
    }),
    /** After somebody else saved: mine over his, or his instead of mine. */
    async overwrite() {
      await current.again("", (signal) => ask("api/playbook", { signal }));
      if (draft) draft.base = current.value.version;
      return actions.save();
    },
    undo() {
      draft = null;
      saving = null;
      return load();
    },
    restore: (version) => put(async () => {
      const answer = await ask(`api/playbook/versions/${encodeURIComponent(version)}/restore`, { method: "POST" });
      draft = null;
      return { sent: undefined, answer };
    }),
    async look(version) {
      const found = await ask(`api/playbook/versions/${encodeURIComponent(version)}`).catch((fault) => ({ fault }));
      if (found.fault) saving = { fault: found.fault };
      else change(found.text);
      schedule();
    },
    choose(changed) {
      days = { ...days, ...changed };
      schedule();
    },
    try() {
      const sent = text();
      tried.again(sent, (signal) => ask("api/playbook/preview", { method: "POST", body: { text: sent, ...between(days.from, days.to) }, signal }));
      schedule();
    },
  };

  function render({ now }) {
    days ??= { from: presets(now).yesterday[0], to: presets(now).yesterday[1] };
    if (!current.value) return waiting(current);
    const changed = draft !== null;
    return html`<h2 class="title">${t("nav.playbook")}</h2>
      <div class="work">
        ${editor({ text: text(), current: current.value, changed, checked, saving }, actions)}
        ${versions({ kept, changed, saving, editable: current.value.editable }, actions)}
      </div>
      ${preview({ tried, days, bad: checked.fault !== null }, actions)}`;
  }

  return {
    render,
    close() {
      clearTimeout(timer);
      for (const asked of [current, checked, tried, kept]) asked.clear();
    },
  };
}

function waiting(current) {
  return html`<h2 class="title">${t("nav.playbook")}</h2>
    ${current.fault ? html`<p class="fault" role="alert">${current.fault.message}</p>` : html`<p class="none" role="status">${t("nav.loading")}</p>`}`;
}
