/** What a person chooses for this browser; for administrators, who the users are. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { mayNotify } from "../alarm.js";
import { t } from "../i18n.js";
import { CHOICES } from "../preferences.js";
import { Users } from "./users.js";

const LISTED = ["language", "theme", "size"];

export function open(context) {
  const { preferences, schedule, alarm } = context;
  let users = null;
  const choose = async (name, value) => {
    if (name === "notify" && value && mayNotify() === "default") await Notification.requestPermission();
    preferences.set(name, value);
    if (name === "sound" && value) alarm.ring();
    schedule();
  };
  return {
    render({ state: { me } }) {
      if (me.role === "admin") users ??= new Users(context);
      return page(preferences.values, choose, me, me.role === "admin" ? users.render(me) : nothing, context.signOut);
    },
  };
}

function page(values, choose, me, users, signOut) {
  return html`<div class="settings-head"><h2 class="title">${t("nav.settings")}</h2>
      ${me.open ? nothing : html`<button type="button" class="plain" @click=${signOut}>${t("sign.out")}</button>`}</div>
    <div class="panels">
      <section class="panel" aria-labelledby="look"><h3 id="look">${t("settings.look")}</h3>
        ${LISTED.map((name) => oneOf(name, values[name], choose))}</section>
      <section class="panel" aria-labelledby="work"><h3 id="work">${t("settings.work")}</h3>
        ${onOff("keys", values.keys, choose)}
        ${onOff("sound", values.sound, choose)}
        ${notifications(values.notify, choose)}</section>
    </div>
    ${users}`;
}

function oneOf(name, value, choose) {
  return html`<fieldset class="choice">
    <legend>${t(`settings.${name}`)}</legend>
    ${CHOICES[name].map((item) => html`<label><input type="radio" name=${name} .checked=${item === value}
      @change=${() => choose(name, item)}><span>${t(`settings.${name}.${item}`)}</span></label>`)}
  </fieldset>`;
}

function onOff(name, value, choose, why = t(`settings.${name}.why`), disabled = false) {
  return html`<label class="switch"><input type="checkbox" .checked=${value} ?disabled=${disabled}
      @change=${(event) => choose(name, event.target.checked)}>
    <span>${t(`settings.${name}`)}<small>${why}</small></span></label>`;
}

/** A browser that does not let us is told in words, with the cure. */
function notifications(wanted, choose) {
  const may = mayNotify();
  const unable = may === "denied" || may === "unavailable";
  return onOff("notify", wanted && may === "granted", choose, unable ? t(`settings.notify.${may}`) : undefined, unable);
}
