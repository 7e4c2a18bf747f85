/** The course of a call, drawn: two lanes of talk, gaps in them, hints above, the moment that is being played. */
import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { number, t } from "../i18n.js";
import { duration, timer } from "../text.js";
import { lengthOf, marksOf, sharesOf, ticksOf } from "../timeline.js";

const LANES = { client: 18, operator: 38 }; // their upper edges
const [HEIGHT, LANE, AXIS, TICK_ROOM] = [76, 16, 58, 74];

/** `width` in pixels; `playMs`: null where nothing is played. A click goes to that moment; the lines can do it too. */
export function timeline(call, width, playMs, actions) {
  const length = lengthOf(call);
  const x = (ms) => (Math.min(Math.max(ms, 0), length) / length) * width;
  const shares = sharesOf(call.transcript, length);
  const marks = marksOf(call.suggestions.filter((card) => card.state !== "withdrawn"), call.transcript);
  const go = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    actions.seek((length * (event.clientX - box.left)) / box.width);
  };
  return html`<div class="timeline">
    <svg viewBox="0 0 ${width} ${HEIGHT}" width=${width} height=${HEIGHT} role="img" aria-label=${spokenShares(shares, marks.length)} @click=${go}>
      ${Object.entries(LANES).map(([leg, y]) => svg`<rect class="lane" x="0" y=${y} width=${width} height=${LANE} rx="3"/>`)}
      ${call.transcript.map((line) => svg`<rect class=${line.leg} x=${x(line.start_ms)} y=${LANES[line.leg]} width=${Math.max(1.5, x(line.end_ms) - x(line.start_ms))} height=${LANE} rx="2"/>`)}
      ${call.gaps.map((gap) => svg`<rect class="lost" x=${x(gap.start_ms)} y=${LANES[gap.leg]} width=${Math.max(2, x(gap.end_ms) - x(gap.start_ms))} height=${LANE}/>`)}
      ${marks.map(({ card, ms }) => svg`<path class="mark ${card.priority}" d="M${x(ms)} 15l-5 -9h10z"><title>${card.title}</title></path>`)}
      ${ticksOf(length, Math.max(2, Math.floor(width / TICK_ROOM))).map((ms) => svg`<path class="tick" d="M${x(ms)} ${AXIS}v4"/><text class="tick" x=${x(ms)} y=${HEIGHT - 2} text-anchor=${anchor(x(ms), width)}>${timer(ms)}</text>`)}
      ${playMs === null ? nothing : svg`<path class="play" d="M${x(playMs)} 2V${AXIS}"/>`}
    </svg>
  </div>
  <p class="legend"><span class="client">${t("leg.client")} ${number(shares.client)} %</span> <span class="operator">${t("leg.operator")} ${number(shares.operator)} %</span>
    <span>${t("history.silence")} ${number(shares.silence)} %</span>
    ${marks.length > 0 ? html`<span>▲ ${t("history.hints", { n: marks.length })}</span>` : nothing}
    ${call.gaps.length > 0 ? html`<span class="lost">${t("gap", { span: duration(lost(call.gaps)) })}</span>` : nothing}</p>`;
}

function anchor(at, width) {
  if (at < 16) return "start";
  return at > width - 16 ? "end" : "middle";
}

function lost(gaps) {
  return gaps.reduce((sum, gap) => sum + gap.end_ms - gap.start_ms, 0);
}

function spokenShares({ client, operator, silence }, hints) {
  return t("history.shares", { client, operator, silence, hints });
}
