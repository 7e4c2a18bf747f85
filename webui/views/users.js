/** Who the users are, for administrators: added, changed, removed. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { t } from "../i18n.js";

const ROLES = ["operator", "supervisor", "admin"];
const SHORTEST_PASSWORD = 8;

export class Users {
  #ask;
  #schedule;
  #list = null; // null: not there yet
  #edited = null; // the user whose form is open; {name: ""} for a new one
  #leaving = null; // the name of the user about to be removed
  #fault = "";
  #busy = false;
  #done = "";

  constructor({ ask, schedule }) {
    this.#ask = ask;
    this.#schedule = schedule;
    this.#do(null, async () => null, "");
  }

  /** `me`: nobody removes himself by mistake. */
  render(me) {
    const user = (one) => this.#user(one, me);
    return html`<section class="panel users" aria-labelledby="users">
      <div class="users-head"><h3 id="users">${t("users")}</h3>
        <button type="button" class="plain" @click=${() => this.#edit({ name: "", role: "operator", extensions: [] })}>${t("users.add")}</button></div>
      ${this.#list === null ? html`<p class="none">${this.#fault ? nothing : t("nav.loading")}</p>`
        : html`<ul class="people">${repeat(this.#list, (one) => one.name, user)}</ul>`}
      <p class=${this.#fault ? "fault" : "said"} role="status">${this.#fault || this.#done}</p>
      ${this.#edited ? this.#form(this.#edited) : nothing}
    </section>`;
  }

  #user(one, me) {
    const removable = one.name !== me.name;
    return html`<li>
      <span class="name">${one.name}</span>
      <span class="role">${[t(`role.${one.role}`), ...one.extensions].join(" · ")}</span>
      <span class="buttons">
        <button type="button" class="plain" aria-label=${t("users.changeWho", { name: one.name })} @click=${() => this.#edit(one)}>${t("users.change")}</button>
        ${removable ? this.#removal(one) : nothing}</span>
    </li>`;
  }

  /** Two steps, in one place: the second button is another one and does not stand where the first was clicked. */
  #removal({ name }) {
    if (this.#leaving !== name) {
      return html`<button type="button" class="plain" aria-label=${t("users.removeWho", { name })} @click=${() => this.#confirm(name)}>${t("users.remove")}</button>`;
    }
    return html`<button type="button" class="plain" @click=${() => this.#confirm(null)}>${t("users.keep")}</button>
      <button type="button" class="plain danger" ?disabled=${this.#busy} @click=${() => this.#remove(name)}>${t("users.removeNow")}</button>`;
  }

  #form({ name, role, extensions }) {
    const isNew = name === "";
    return html`<form class="user" aria-label=${isNew ? t("users.add") : t("users.changeWho", { name })} @submit=${(event) => this.#save(event, name)}>
      ${isNew ? html`<label class="field">${t("sign.name")}<input name="name" maxlength="64" required autocomplete="off"></label>`
        : html`<p class="name">${name}</p>`}
      <label class="field">${t("users.role")}<select name="role">${ROLES.map((one) => html`<option value=${one} ?selected=${one === role}>${t(`role.${one}`)}</option>`)}</select></label>
      <label class="field">${t("users.extensions")}<input name="extensions" .defaultValue=${extensions.join(", ")} autocomplete="off" placeholder="1001"></label>
      <label class="field">${t(isNew ? "sign.password" : "users.newPassword")}<input name="password" type="password" minlength=${SHORTEST_PASSWORD}
        maxlength="1024" ?required=${isNew} autocomplete="new-password"></label>
      <div class="buttons"><button class="primary" ?disabled=${this.#busy}>${t("users.save")}</button>
        <button type="button" class="plain" @click=${() => this.#edit(null)}>${t("users.cancel")}</button></div>
    </form>`;
  }

  #edit(user) {
    this.#edited = null; // an open form of somebody else goes, with what was typed in it
    this.#schedule();
    requestAnimationFrame(() => {
      this.#edited = user;
      this.#leaving = null;
      this.#fault = this.#done = "";
      this.#schedule();
      requestAnimationFrame(() => document.querySelector("form.user :is(input, select)")?.focus());
    });
  }

  #confirm(name) {
    this.#leaving = name;
    this.#fault = this.#done = "";
    this.#schedule();
  }

  #save(event, name) {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target));
    const extensions = given.extensions.split(/[\s,;]+/).filter(Boolean);
    if (given.role === "operator" && extensions.length === 0) return this.#tell(t("users.needExtension"));
    const body = { role: given.role, extensions, ...(given.password && { password: given.password }) };
    if (name === "") return this.#do(name, () => this.#ask("api/users", { method: "POST", body: { name: given.name, ...body } }), t("users.added", { name: given.name }));
    return this.#do(name, () => this.#ask(address(name), { method: "PATCH", body }), t("users.changed", { name }));
  }

  #remove(name) {
    return this.#do(name, () => this.#ask(address(name), { method: "DELETE" }), t("users.removed", { name }));
  }

  #tell(fault) {
    this.#fault = fault;
    this.#schedule();
  }

  /** One deed, then the list as it stands after it. What was open about `name` closes; a form of somebody else stays. */
  async #do(name, deed, done) {
    if (this.#busy) return;
    this.#busy = true;
    this.#fault = this.#done = "";
    this.#schedule();
    try {
      await deed();
      this.#list = (await this.#ask("api/users")).users;
      if (this.#edited?.name === name) this.#edited = null;
      if (this.#leaving === name) this.#leaving = null;
      this.#done = done;
    } catch (fault) {
      this.#fault = fault.message;
    }
    this.#busy = false;
    this.#schedule();
  }
}

function address(name) {
  return `api/users/${encodeURIComponent(name)}`;
}
