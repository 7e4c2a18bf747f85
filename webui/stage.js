/**
 * The sections that are loaded when somebody goes there: `views/NAME.js` with `words/NAME.LANGUAGE.js` and `views/NAME.css`.
 * The shell around their modules. A section that does not come (no network) or fails is offered again.
 *
 * A section's module has `open(context) → {render(frame), rendered?(frame), key?(event), close?()}`; see README.md.
 */
import { html } from "./vendor/lit-html/lit-html.js";
import { addWords, language, t } from "./i18n.js";

export class Stage {
  #context;
  #modules = new Map(); // name → module, null while it is being loaded
  #failed = new Set();
  #words = new Set(); // "name.language" that are there
  #name = null;
  #view = null;

  /** `context` is handed to every section's `open`. */
  constructor(context) {
    this.#context = context;
  }

  /** The section with this name is on screen from now on; null: none. */
  show(name) {
    if (name === this.#name) return;
    this.#view?.close?.();
    this.#view = null;
    this.#name = name;
    if (name !== null && !this.#modules.has(name)) this.#load(name);
  }

  render(frame) {
    const module = this.#modules.get(this.#name);
    if (!module) return this.#waiting();
    try {
      this.#view ??= module.open(this.#context);
      const shown = this.#view.render(frame);
      return html`<main class="section ${this.#name}" tabindex="-1" aria-label=${t(`nav.${this.#name}`)}>${shown}</main>`;
    } catch (fault) { // boundary: a section must not take down the page, on which somebody is in a call
      console.error("section failed", this.#name, fault);
      return this.#broken();
    }
  }

  /** After the page has what `render` gave. */
  rendered(frame) {
    this.#view?.rendered?.(frame);
  }

  /** Whether the section took this key for itself. */
  key(event) {
    return this.#view?.key?.(event) ?? false;
  }

  /** The words of all that is loaded, in a language that was not spoken so far. */
  async learn(language) {
    await Promise.all([...this.#modules.keys()].map((name) => this.#learn(name, language)));
  }

  async #load(name) {
    this.#failed.delete(name);
    this.#modules.set(name, null);
    try {
      const [module] = await Promise.all([import(`./views/${name}.js`), this.#learn(name, language()), dress(name)]);
      this.#modules.set(name, module);
    } catch (fault) {
      console.info("section not loaded", name, fault);
      this.#modules.delete(name);
      this.#failed.add(name);
    }
    this.#context.schedule();
  }

  async #learn(name, language) {
    const key = `${name}.${language}`;
    if (this.#words.has(key)) return;
    addWords(language, (await import(`./words/${key}.js`)).WORDS);
    this.#words.add(key);
  }

  /** It is opened anew when somebody asks for it. */
  #broken() {
    this.#view = null;
    this.#modules.delete(this.#name);
    this.#failed.add(this.#name);
    return this.#waiting();
  }

  #waiting() {
    if (!this.#failed.has(this.#name)) return html`<main class="section" tabindex="-1"><p class="none" role="status">${t("nav.loading")}</p></main>`;
    return html`<main class="section" tabindex="-1"><p class="none" role="alert">${t("nav.failed")}</p>
      <button type="button" class="plain" @click=${() => this.#load(this.#name)}>${t("nav.retry")}</button></main>`;
  }
}

/** The section's style sheet, in force. */
function dress(name) {
  if (document.querySelector(`link[href="views/${name}.css"]`)) return undefined;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = `views/${name}.css`;
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => {
      link.remove();
      reject(new Error(link.href));
    };
    document.head.append(link);
  });
}
