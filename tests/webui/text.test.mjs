import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../../webui/i18n.js";
import * as text from "../../webui/text.js";
import { AT, at, message, rawCall } from "./messages.mjs";

const call = (changes) => message("call_start", { call: rawCall("c1", changes) }).call;

test("telephone numbers", () => {
  assert.equal(text.phone("+79001234567"), "+7 900 123-45-67");
  assert.equal(text.phone("+4930123456"), "+4930123456");
  assert.equal(text.phone("1001"), "1001");
  assert.equal(text.phone(null), "Номер скрыт");
});

test("timers", () => {
  const cases = [[0, "00:00"], [134_999, "02:14"], [3_599_000, "59:59"], [3_600_000, "1:00:00"], [-5, "00:00"]];
  for (const [ms, words] of cases) assert.equal(text.timer(ms), words);
});

test("durations", () => {
  const cases = [[-1, "0,0 с"], [1_400, "1,4 с"], [9_940, "9,9 с"], [9_990, "10 с"], [61_000, "1 мин"], [7_300_000, "2 ч"]];
  for (const [ms, words] of cases) assert.equal(text.duration(ms), words);
});

test("ages and times of day", () => {
  assert.equal(text.ago(AT, Date.parse(AT) + 4_999), "сейчас");
  assert.equal(text.ago(AT, Date.parse(AT) + 12_000), "12 с назад");
  assert.equal(text.ago(AT, Date.parse(at(180))), "3 мин назад");
  assert.equal(text.ago(null, 0), "");
  assert.match(text.timeOfDay(AT), /^\d\d:00$/);
  assert.equal(text.timeOfDay(null), "");
  assert.equal(text.timeOfDay("ерунда"), "");
});

test("what a call is doing", () => {
  const ringing = (...on) => text.callState(call({ status: "ringing", ringing: on }));
  assert.equal(ringing(), "звонит");
  assert.equal(ringing("1001"), "звонит на 1001");
  assert.equal(ringing("1001", "+79001234567"), "звонит на 1001, +7 900 123-45-67");
  assert.equal(ringing("1", "2", "3", "4", "5"), "звонит на 1, 2, 3 и ещё 2");
  assert.equal(text.callState(call({ status: "answered" })), "в разговоре");
  assert.equal(text.callState(call({ status: "held" })), "на удержании");
  assert.equal(text.callState(call({ status: "ended" })), "завершён");
  assert.equal(text.callState(call({ status: "ringing", direction: "outbound" })), "вызов с 1001");
  assert.equal(text.callState(call({ status: "ringing", direction: "outbound", operator: null })), "исходящий вызов");
});

test("what stands beside the number", () => {
  assert.equal(text.callFacts(call()), "входящий · 1001");
  assert.equal(text.callFacts(call({ direction: "outbound", operator: null })), "исходящий");
  assert.equal(text.dialled(call()), "на +7 991 898-74-23");
  assert.equal(text.dialled(call({ direction: "outbound", caller: "+79918987423" })), "с +7 991 898-74-23");
  for (const callee of [null, "s", "+79001234567"]) assert.equal(text.dialled(call({ callee })), "");
});

test("a leg's health in words", () => {
  assert.equal(text.legHealth("client", "live", 9_000), null);
  assert.equal(text.legHealth("operator", "closed", 9_000), null);
  assert.deepEqual(text.legHealth("client", "no_audio", 8_000), { words: "Клиента не слышно", since: "8 с" });
  assert.equal(text.legHealth("client", "no_audio", 1_400), null);
  assert.deepEqual(text.legHealth("operator", "silent", null), { words: "Оператор молчит", since: "" });
  assert.deepEqual(text.legHealth("client", "stt_down", 9_000), { words: "Речь клиента не распознаётся", since: "" });
});

test("gaps", () => {
  assert.equal(text.gapWords(1_400, "потеря пакетов"), "пропуск 1,4 с — потеря пакетов");
  assert.equal(text.gapWords(1_400, ""), "пропуск 1,4 с");
});

test("a dependency's trouble is whole sentences", () => {
  const words = text.trouble("stt", { state: "off", reason: "нет ключа Soniox", action: "Задайте ключ!" });
  assert.equal(words, "Звонки без текста. Нет ключа Soniox. Задайте ключ!");
  assert.equal(text.trouble("ari", { state: "connecting", reason: null, action: null }), "Соединяемся с Asterisk.");
});

test("every state that the contract knows has its words", () => {
  for (const component of ["ari", "stt", "llm", "store"]) {
    for (const state of ["down", "connecting", "degraded", "off"]) {
      assert.match(text.trouble(component, { state, reason: null, action: null }), /^[А-ЯA-Z].*\.$/, `${component} ${state}`);
    }
  }
  for (const phase of ["online", "greeting", "connecting", "waiting", "denied"]) assert.notEqual(t(`link.${phase}`), `link.${phase}`);
});

test("connection", () => {
  assert.equal(text.linkTrouble({ phase: "denied", reason: "" }), "Сервер не пускает эту страницу.");
  assert.equal(text.dataAge(12_000), "данные 12 с назад");
});

test("an urgent card read aloud", () => {
  assert.equal(text.urgent({ priority: "high", title: "Дорого", content: "Скажите о скидке." }), "срочно: Дорого. Скажите о скидке.");
});
