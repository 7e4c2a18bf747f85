/** What a person has chosen in this browser. Nothing here is the server's business. */
const STORED_AS = "ari-bridge.preferences";

/** Each choice's values, the first being the default. */
export const CHOICES = {
  language: ["ru", "en"],
  theme: ["system", "light", "dark"],
  size: ["normal", "large", "larger", "largest"],
  keys: [true, false],
  sound: [false, true],
  notify: [false, true],
};

/** Choices from what was stored (any text, or null): what is unknown or nonsense is the default. */
export function readChoices(stored) {
  const given = parsed(stored);
  return Object.fromEntries(
    Object.entries(CHOICES).map(([name, values]) => [name, values.includes(given[name]) ? given[name] : values[0]]),
  );
}

function parsed(stored) {
  try {
    return Object(JSON.parse(stored ?? "{}"));
  } catch {
    return {};
  }
}

export class Preferences {
  #changed;
  #values = readChoices(remembered());

  /** `onChange(values, before)` is called after a choice here or in another tab. */
  constructor(onChange = () => {}) {
    this.#changed = onChange;
    this.#apply();
    addEventListener("storage", (event) => event.key === STORED_AS && this.#take(readChoices(event.newValue)));
  }

  get values() {
    return this.#values;
  }

  set(name, value) {
    this.#take(readChoices(JSON.stringify({ ...this.#values, [name]: value })));
    remember(JSON.stringify(this.#values));
  }

  #take(values) {
    const before = this.#values;
    this.#values = values;
    this.#apply();
    this.#changed(values, before);
  }

  #apply() {
    const root = document.documentElement;
    root.lang = this.#values.language;
    root.dataset.theme = this.#values.theme;
    root.dataset.size = this.#values.size;
  }
}

/** A browser that keeps nothing (private mode, policy) still gets the page. */
function remembered() {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

function remember(text) {
  try {
    localStorage.setItem(STORED_AS, text);
  } catch {
    // the choice then lasts as long as the page
  }
}
