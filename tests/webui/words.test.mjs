import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { LANGUAGES, addWords, language, number, said, speak, t } from "../../webui/i18n.js";

const PAGE = new URL("../../webui/", import.meta.url);
const files = (folder) => readdirSync(new URL(folder, PAGE)).filter((name) => name.endsWith(".js"));
const read = (name) => readFileSync(new URL(name, PAGE), "utf-8");
const catalogue = async (name) => (await import(new URL(`words/${name}.js`, PAGE))).WORDS;
const parts = files("words/").map((name) => /^(?:(\w+)\.)?ru\.js$/.exec(name)).filter(Boolean).map(([, part]) => part ?? "");
const named = (part, language_) => (part ? `${part}.${language_}` : language_);
const code = [...files(".").map(read), ...files("views/").map((name) => read(`views/${name}`))].join("\n")
  .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ""); // without comments
const html = ["index.html", "login.html"].map(read).join("\n");

function placeholders(entry) {
  return [...JSON.stringify(entry).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
}

/** The keys that the code asks for: whole ones, and the beginning and end of those that it puts together. */
function asked() {
  const whole = [...code.matchAll(/"([a-z]+(?:\.\w+)*)"/g)].map(([, key]) => key);
  const built = [...code.matchAll(/`([a-z]+\.[^`\n]*)`/g)].map(([, key]) => new RegExp(`^${key.split(/\$\{[^}]+\}/).map((s) => s.replaceAll(".", "\\.")).join("\\w+")}$`));
  return { whole: new Set([...whole, ...[...html.matchAll(/data-t="([^"]+)"/g)].map(([, key]) => key)]), built };
}

test("every language has every catalogue, with the same keys and the same places to fill", async () => {
  assert.deepEqual(files("words/").sort(), parts.flatMap((part) => LANGUAGES.map((one) => `${named(part, one)}.js`)).sort());
  for (const part of parts) {
    const russian = await catalogue(named(part, "ru"));
    const english = await catalogue(named(part, "en"));
    assert.deepEqual(Object.keys(english), Object.keys(russian), part);
    for (const key of Object.keys(russian)) {
      assert.deepEqual([...new Set(placeholders(english[key]))], [...new Set(placeholders(russian[key]))], key);
    }
  }
});

test("plural entries have all the forms of their language", async () => {
  const forms = { ru: ["one", "few", "many"], en: ["one", "other"] };
  let plurals = 0;
  for (const part of parts) {
    for (const one of LANGUAGES) {
      for (const [key, entry] of Object.entries(await catalogue(named(part, one)))) {
        if (typeof entry === "string") continue;
        plurals += 1;
        assert.deepEqual(Object.keys(entry), forms[one], `${key} in ${one}`);
        for (const words of Object.values(entry)) assert.ok(words.includes("{n}"), key);
      }
    }
  }
  assert.ok(plurals > 0);
});

test("no two catalogues say the same key, and English is English", async () => {
  const seen = new Set();
  for (const part of parts) {
    for (const [key, entry] of Object.entries(await catalogue(named(part, "en")))) {
      assert.ok(!seen.has(key), `${key} twice`);
      seen.add(key);
      if (!key.startsWith("settings.language.")) assert.doesNotMatch(JSON.stringify(entry), /[а-яё]/i, key);
    }
  }
});

test("every key that the code asks for has words, and every word is asked for", async () => {
  const known = new Set();
  for (const part of parts) for (const key of Object.keys(await catalogue(named(part, "ru")))) known.add(key);
  const { whole, built } = asked();
  for (const key of code.matchAll(/\bt\("([^"]+)"/g)) assert.ok(known.has(key[1]), `no words for ${key[1]}`);
  for (const pattern of built) {
    if ([...known].some((key) => key.split(".")[0] === pattern.source.slice(1).split("\\.")[0])) {
      assert.ok([...known].some((key) => pattern.test(key)), `no words for ${pattern}`);
    }
  }
  const daemons = /^reason\.\w+$/; // phrases of the daemon, looked up by what they say
  const idle = [...known].filter((key) => !daemons.test(key) && !whole.has(key) && !built.some((pattern) => pattern.test(key)));
  assert.deepEqual(idle, [], "words that nobody says");
});

test("no words stand in the code itself", () => {
  assert.doesNotMatch(code, /[а-яё]/i);
});

test("words are filled, counted and written as the language does", () => {
  addWords("ru", { "test.cards": { one: "{n} карта", few: "{n} карты", many: "{n} карт" }, "test.of": "{a} из {b}" });
  addWords("en", { "test.cards": { one: "{n} card", other: "{n} cards" }, "test.of": "{a} of {b}" });
  const counted = () => [1, 2, 5, 11, 21, 22, 1234].map((n) => t("test.cards", { n }));
  assert.deepEqual(counted(), ["1 карта", "2 карты", "5 карт", "11 карт", "21 карта", "22 карты", "1\u00a0234 карты"]);
  assert.equal(t("test.of", { a: 1.5, b: "{a}" }), "1,5 из {a}");
  assert.equal(t("test.of"), "{a} из {b}");
  assert.equal(t("no.such.key"), "no.such.key");
  assert.equal(number(1234.5, 1), "1\u00a0234,5");
  try {
    speak("en");
    assert.equal(language(), "en");
    assert.deepEqual(counted(), ["1 card", "2 cards", "5 cards", "11 cards", "21 cards", "22 cards", "1,234 cards"]);
    assert.equal(t("test.of", { a: 1.5, b: 2 }), "1.5 of 2");
    assert.equal(t("link.online"), "на связи", "words that are not there yet are said in Russian");
  } finally {
    speak("ru");
  }
});

test("what the daemon says is said in the language that is spoken, where it is known", async () => {
  addWords("ru", await catalogue("reason.ru"));
  addWords("en", await catalogue("reason.en"));
  assert.equal(said("Клиент положил трубку"), "Клиент положил трубку");
  try {
    speak("en");
    assert.equal(said("Клиент положил трубку"), "The client hung up");
    assert.equal(said("что-то новое"), "что-то новое");
    assert.equal(said(""), "");
  } finally {
    speak("ru");
  }
});
