/** Charts as inline SVG. Each is a picture with a sentence; the same numbers stand beside it as text. */
import { html, svg } from "../vendor/lit-html/lit-html.js";
import { everyNth, scaleOf, stacked } from "../figures.js";
import { number } from "../i18n.js";

const [TOP, BOTTOM, LEFT] = [8, 20, 38]; // room for the labels
const LABEL_ROOM = 52;

/**
 * Upright bars. `columns`: [{label, title, parts: [{name, value}]}], the parts on top of each other (`grouped`: beside
 * each other); `name` is the part's class. `label` says in a sentence what is drawn.
 */
export function columns({ columns: all, label, width, height = 150, grouped = false, digits = 0 }) {
  const tallest = (column) => (grouped ? Math.max(0, ...column.parts.map((part) => part.value)) : total(column.parts));
  const { top, lines } = scaleOf(Math.max(0, ...all.map(tallest)));
  const room = height - TOP - BOTTOM;
  const y = (value) => TOP + room - (value / top) * room;
  const slot = (width - LEFT) / Math.max(1, all.length);
  const nth = everyNth(all.length, Math.floor((width - LEFT) / LABEL_ROOM));
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" width=${width} height=${height} role="img" aria-label=${label}>
    ${lines.map((value) => svg`<path class="grid" d="M${LEFT} ${y(value)}H${width}"/><text x=${LEFT - 6} y=${y(value) + 4} text-anchor="end">${number(value, whole(value) ? 0 : digits)}</text>`)}
    ${all.map((column, n) => svg`<g><title>${column.title}</title>
      <rect class="catch" x=${LEFT + n * slot} y=${TOP} width=${slot} height=${room}/>
      ${bars(column.parts, { x: LEFT + n * slot, slot, y, grouped })}
      ${n % nth === 0 ? svg`<text x=${LEFT + (n + 0.5) * slot} y=${height - 5} text-anchor="middle">${column.label}</text>` : ""}</g>`)}
  </svg>`;
}

function bars(parts, { x, slot, y, grouped }) {
  const room = Math.min(slot * 0.72, 46);
  const own = grouped ? room / Math.max(1, parts.length) : room;
  const from = x + (slot - room) / 2;
  let below = 0;
  return parts.map((part, n) => {
    const base = grouped ? 0 : below;
    below += part.value;
    return svg`<rect class=${part.name} x=${from + (grouped ? n * own : 0)} y=${y(base + part.value)} width=${Math.max(1, own - (grouped ? 1 : 0))} height=${Math.max(0, y(base) - y(base + part.value))}/>`;
  });
}

/** One lying bar of parts beside each other: `parts` as above; `whole`: what the full width stands for. */
export function share({ parts, whole, label, width = 160, height = 14 }) {
  return html`<svg class="share" viewBox="0 0 ${width} ${height}" width=${width} height=${height} preserveAspectRatio="none" role="img" aria-label=${label}>
    <rect class="lane" width=${width} height=${height} rx="2"/>
    ${stacked(parts, whole, width).map((part) => svg`<rect class=${part.name} x=${part.x} width=${part.width} height=${height}/>`)}
  </svg>`;
}

function total(parts) {
  return parts.reduce((sum, part) => sum + part.value, 0);
}

function whole(value) {
  return Number.isInteger(value);
}
