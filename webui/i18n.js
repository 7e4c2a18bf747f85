/**
 * Pure, but for the one language that is spoken. Words stand in `words/*.js`, one flat catalogue per language and part of
 * the page; Russian is always at hand, another language is added before it is spoken.
 */
import { WORDS as RUSSIAN } from "./words/ru.js";

export const LANGUAGES = ["ru", "en"];
const LOCALES = { ru: "ru-RU", en: "en-GB" };
const catalogues = { ru: { ...RUSSIAN }, en: {} };
let spoken = formats("ru");

/** More words of a language: a part of the page that is loaded later brings its own. */
export function addWords(language, words) {
  Object.assign(catalogues[language], words);
}

/** From now on everything is said in this language; its catalogues have been added. */
export function speak(language) {
  spoken = formats(language);
}

/** `ru` or `en`. */
export function language() {
  return spoken.language;
}

/** For `Intl`: `ru-RU`, `en-GB`. */
export function locale() {
  return LOCALES[spoken.language];
}

/**
 * The words of a key. `{name}` is replaced by `params.name`, numbers are written as the language does; an entry with
 * plural forms (`{one, few, many, other}`) is chosen by `params.n`. A key that nobody knows is shown as it is.
 */
export function t(key, params = {}) {
  const entry = catalogues[spoken.language][key] ?? catalogues.ru[key];
  if (entry === undefined) return key;
  const words = typeof entry === "string" ? entry : entry[spoken.plurals.select(params.n)] ?? entry.other ?? entry.many;
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in params ? written(params[name]) : whole));
}

/** A phrase of the daemon, which speaks Russian, in the language that is spoken; one that is not in `reason.*` as it is. */
export function said(phrase) {
  if (spoken.language === "ru") return phrase;
  const { ru } = catalogues;
  const key = Object.keys(ru).find((name) => name.startsWith("reason.") && ru[name] === phrase);
  return key ? t(key) : phrase;
}

/** Whether a key has words. */
export function isKnown(key) {
  return Object.hasOwn(catalogues[spoken.language], key) || Object.hasOwn(catalogues.ru, key);
}

/** A number as the language writes it: `1 234,5`. */
export function number(value, digits = 0) {
  return spoken.numbers(digits).format(value);
}

function written(value) {
  return typeof value === "number" ? spoken.numbers(Number.isInteger(value) ? 0 : 1).format(value) : String(value);
}

function formats(chosen) {
  const made = new Map();
  return {
    language: chosen,
    plurals: new Intl.PluralRules(chosen),
    numbers(digits) {
      const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
      if (!made.has(digits)) made.set(digits, new Intl.NumberFormat(LOCALES[chosen], options));
      return made.get(digits);
    },
  };
}
