/** The parts of the report, each drawn and told. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { binBounds, dollarDigits, fates, percent, talkShares } from "../figures.js";
import { locale, number, t } from "../i18n.js";
import { duration, party } from "../text.js";
import { columns, share } from "./charts.js";

const WHEN = {
  hour: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short" },
};
const SHORT = { hour: { hour: "2-digit", minute: "2-digit" }, day: { day: "numeric", month: "numeric" } };

/** The few figures that are looked at first. */
export function tiles({ talk, cards, latency, costs }) {
  const usd = dollars(costs);
  const first = latency.find((item) => item.source === "playbook") ?? latency[0];
  return html`<dl class="sums">
    ${tile("calls", number(talk.calls), t("report.answered", { n: percent(talk.answered, talk.calls) ?? 0 }))}
    ${tile("length", talk.answered ? duration(talk.duration_ms / talk.answered) : "–", t("report.lengthAll", { span: duration(talk.duration_ms) }))}
    ${tile("shown", number(cards.shown), talk.answered ? t("report.perCall", { n: cards.shown / talk.answered }) : "")}
    ${tile("used", share100(cards.used, cards.shown), t("report.usedOf", { n: cards.used }))}
    ${tile("useless", share100(cards.useless, cards.shown), t("report.uselessOf", { n: cards.useless }))}
    ${tile("soon", soon(first), first?.p95_ms == null ? "" : t("report.p95", { span: seconds(first.p95_ms) }))}
    ${tile("cost", usd === null ? "–" : money(usd), usd !== null && talk.answered ? t("report.costPerCall", { usd: money(usd / talk.answered) }) : "")}
  </dl>`;
}

function tile(name, value, more) {
  return html`<div class="panel"><dt>${t(`report.tile.${name}`)}</dt><dd><b>${value}</b><small>${more}</small></dd></div>`;
}

export function callsPart({ buckets, bucket, talk }, width) {
  const all = buckets.map(({ at, calls, answered }) => {
    const parts = [{ name: "answered", value: answered }, { name: "missed", value: calls - answered }];
    return { label: moment(at, SHORT[bucket]), title: t("report.callsOf", { when: moment(at, WHEN[bucket]), calls, answered }), parts };
  });
  return html`<section class="panel"><h3>${t(`report.callsBy.${bucket}`)}</h3>
    <div class="drawn">${columns({ columns: all, width, label: t("report.callsAll", { calls: talk.calls, answered: talk.answered }) })}</div>
    ${legend(["answered", "missed"])}
    ${talkPart(talk)}</section>`;
}

function talkPart(talk) {
  const shares = talkShares(talk);
  if (!shares) return nothing;
  return html`<h4>${t("report.talkTitle")}</h4>
    ${share({ parts: partsOf(shares), whole: 100, label: t("report.talk", shares), width: 300, height: 18 })}
    <p class="legend">${Object.entries(shares).map(([name, value]) => html`<span class="key ${name}">${t(`report.key.${name}`)} ${number(value)} %</span>`)}</p>`;
}

export function latencyPart({ latency, latency_edges_ms }, width) {
  if (latency.length === 0) return nothing;
  const all = binBounds(latency_edges_ms).map((bound, n) => ({
    label: bin(bound),
    title: `${bin(bound)}: ${latency.map((item) => `${t(`source.${item.source}`)} ${number(item.bins[n])}`).join(", ")}`,
    parts: latency.map((item) => ({ name: item.source, value: item.bins[n] })),
  }));
  const told = latency.map((item) => t("report.latencyOf", { who: t(`source.${item.source}`), p50: item.p50_ms === 0 ? t("report.atOnce") : seconds(item.p50_ms), p95: seconds(item.p95_ms), n: item.count }));
  return html`<section class="panel"><h3>${t("report.latency")}</h3>
    <div class="drawn">${columns({ columns: all, width, grouped: true, label: told.join("; ") })}</div>
    <p class="legend">${latency.map((item, n) => html`<span class="key ${item.source}">${told[n]}</span>`)}</p></section>`;
}

/** By card of the playbook: what is used stays, what is useless is to be rewritten. */
export function hintsPart({ by_card }) {
  if (by_card.length === 0) return nothing;
  const most = Math.max(...by_card.map(({ cards }) => cards.shown));
  return html`<section class="panel"><h3>${t("report.byCard")}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("report.byCard")}><table class="list">
      <thead><tr><th scope="col">${t("report.card")}</th><td></td>${heads()}</tr></thead>
      <tbody>${by_card.map(({ card, title, kind, cards }) => html`<tr>
        <th scope="row">${named(card, title)}<small>${t(`kind.${kind}`)}</small></th>
        <td>${fateBar(cards, most)}</td>${figures(cards)}</tr>`)}</tbody>
    </table></div>${legend(["used", "useless", "rest"])}</section>`;
}

function named(card, title) {
  return card === "llm" || card === "whisper" ? t(`report.${card}`) : title;
}

export function operatorsPart({ operators }) {
  if (operators.length === 0) return nothing;
  return html`<section class="panel"><h3>${t("report.byOperator")}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("report.byOperator")}><table class="list">
      <thead><tr><th scope="col">${t("report.operator")}</th><th scope="col" class="figure">${t("report.tile.calls")}</th>
        <th scope="col" class="figure">${t("report.inTalk")}</th><th scope="col">${t("report.talkTitle")}</th>${heads()}</tr></thead>
      <tbody>${operators.map(({ operator, talk, cards }) => html`<tr>
        <th scope="row">${operator === "" ? "–" : party(operator)}</th><td class="figure">${number(talk.calls)}</td>
        <td class="figure">${duration(talk.duration_ms)}</td><td>${talkBar(talk)}</td>${figures(cards)}</tr>`)}</tbody>
    </table></div></section>`;
}

function talkBar(talk) {
  const shares = talkShares(talk);
  if (shares === null) return "–";
  return html`${share({ parts: partsOf(shares), whole: 100, label: t("report.talk", shares), width: 120 })} <small>${number(shares.client)} : ${number(shares.operator)}</small>`;
}

export function costsPart({ buckets, bucket, costs }, width) {
  if (costs.length === 0) return nothing;
  const all = buckets.map(({ at, usd }) => ({
    label: moment(at, SHORT[bucket]),
    title: `${moment(at, WHEN[bucket])}: ${money(usd)}`,
    parts: [{ name: "usd", value: usd }],
  }));
  const sum = dollars(costs);
  const drawn = () => html`<div class="drawn">${columns({ columns: all, width, digits: 3, label: t("report.costsAll", { usd: money(sum) }) })}</div>`;
  return html`<section class="panel costs"><h3>${t("report.costs")}</h3>${sum === null ? nothing : drawn()}
    <table class="list"><thead><tr><th scope="col">${t("report.service")}</th><th scope="col" class="figure">${t("report.amount")}</th><th scope="col" class="figure">$</th></tr></thead>
      <tbody>${costs.map(({ service, model, unit, amount, usd }) => html`<tr><th scope="row">${service}<small>${model}</small></th>
        <td class="figure">${unit === "seconds" ? duration(amount * 1000) : `${number(amount)} ${unit === "tokens" ? t("report.tokens") : unit}`}</td>
        <td class="figure">${usd === null ? t("report.noPrice") : money(usd)}</td></tr>`)}</tbody></table></section>`;
}

function heads() {
  return ["shown", "used", "useless"].map((name) => html`<th scope="col" class="figure">${t(`report.tile.${name}`)}</th>`);
}

function figures({ shown, used, useless }) {
  return html`<td class="figure">${number(shown)}</td><td class="figure">${share100(used, shown)}</td><td class="figure">${share100(useless, shown)}</td>`;
}

function fateBar(cards, most) {
  const values = fates(cards);
  return share({ parts: partsOf(values), whole: most, label: t("report.fates", values) });
}

function partsOf(values) {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

function legend(names) {
  return html`<p class="legend">${names.map((name) => html`<span class="key ${name}">${t(`report.key.${name}`)}</span>`)}</p>`;
}

function share100(part, whole) {
  const found = percent(part, whole);
  return found === null ? "–" : `${number(found)} %`;
}

/** The sum of what has a price; null where nothing has. */
function dollars(costs) {
  const priced = costs.filter((item) => item.usd !== null);
  return priced.length === 0 ? null : priced.reduce((sum, item) => sum + item.usd, 0);
}

function money(usd) {
  return `$${number(usd, dollarDigits(usd))}`;
}

function seconds(ms) {
  return t("unit.s", { n: number(ms / 1000, ms < 10_000 ? 2 : 0) });
}

/** Half of the cards came no later than this; while the client still spoke counts as at once. */
function soon(latency) {
  if (latency?.p50_ms == null) return "–";
  return latency.p50_ms === 0 ? t("report.atOnce") : seconds(latency.p50_ms);
}

function bin([from, to]) {
  if (from === null) return t("report.bin.before");
  return to === null ? t("report.bin.after", { n: from }) : `${plain(from)}–${plain(to)}`;
}

function plain(value) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2 }).format(value);
}

function moment(at, options) {
  return new Intl.DateTimeFormat(locale(), options).format(new Date(at));
}
