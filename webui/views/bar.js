/** The bar on top with the way to the sections, and the line under it that says what is wrong. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { t } from "../i18n.js";
import { addressOf, sectionsOf } from "../router.js";
import { party, phone } from "../text.js";

/** `section`: the name of the one on screen. */
export function bar({ state, link, section }, actions) {
  const { me } = state;
  const who = [me.name, ...me.extensions.map(party)].filter(Boolean).join(" · ");
  return html`<header class="bar">
    <h1>ari bridge</h1>
    ${state.ready ? menu(sectionsOf(me.role), section) : nothing}
    ${state.mode === "demo" ? html`<span class="demo">${t("demo")}</span>` : nothing}
    ${me.open ? html`<p class="open-mode">${t("open")}</p>` : nothing}
    <div class="right">
      <span class="pill ${link.phase === "online" ? "ok" : "off"}" role="status">${t(`link.${link.phase}`)}</span>
      ${who ? html`<span class="who-am-i">${who}</span>` : nothing}
      ${me.name && !me.open ? html`<button type="button" class="plain sign-out" @click=${actions.signOut}>${t("sign.out")}</button>` : nothing}
      <button type="button" class="quiet" aria-label=${t("keys.title")} aria-haspopup="dialog" @click=${actions.help}>?</button>
    </div>
  </header>`;
}

function menu(names, section) {
  return html`<nav class="menu" aria-label=${t("nav")}>
    ${names.map((name) => html`<a href=${addressOf(name)} aria-current=${name === section ? "page" : nothing}>${t(`nav.${name}`)}</a>`)}
  </nav>`;
}

/**
 * `banner` as of `select.banner`; `ownCall`: the person's call that is not on screen. The age ticks outside the live
 * region: it is not to be read aloud every second.
 */
export function notices({ banner, link, ownCall }, actions) {
  const again = banner && link.phase !== "online";
  return html`<div class="notices" role="region" aria-label=${t("notices")}>
    <div class="banner ${banner ? banner.level : "none"}">
      <p role="status">${banner ? html`${banner.text}${banner.more.map((more) => html` <span class="more">${more}</span>`)}` : nothing}</p>
      ${banner?.age ? html`<span class="age">${banner.age}</span>` : nothing}
      ${again ? html`<button type="button" class="plain" @click=${actions.retry}>${t("link.retry")}</button>` : nothing}
    </div>
    <div class="strip ${ownCall ? "own" : "none"}">
      <p role="status">${ownCall ? t("nav.call", { number: phone(ownCall.client_number) }) : nothing}</p>
      ${ownCall ? html`<button type="button" class="plain" @click=${actions.toOwnCall}>${t("nav.toCall")}<kbd aria-hidden="true">M</kbd></button>` : nothing}
    </div>
  </div>`;
}
