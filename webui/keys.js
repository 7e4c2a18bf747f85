/**
 * Pure. Keys by position (`event.code`), so they work under the Russian layout too. Single-letter keys never act while
 * somebody types or with Ctrl, Alt or Meta held, and can be turned off (WCAG 2.1.4).
 */
const ACTIONS = {
  KeyC: { type: "verdict", verdict: "copied" },
  KeyP: { type: "verdict", verdict: "pinned" },
  Digit1: { type: "verdict", verdict: "useful" },
  Numpad1: { type: "verdict", verdict: "useful" },
  Digit2: { type: "verdict", verdict: "useless" },
  Numpad2: { type: "verdict", verdict: "useless" },
  KeyX: { type: "verdict", verdict: "dismissed" },
  KeyJ: { type: "card", by: 1 },
  KeyK: { type: "card", by: -1 },
  KeyN: { type: "newest" },
  KeyM: { type: "own" },
};

/** The action of a key press, null for none. `event` has the members of a KeyboardEvent; `enabled`: see above. */
export function action(event, enabled) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !enabled || typing(event.target)) return null;
  if (event.code === "Slash" && event.shiftKey) return { type: "help" };
  if (event.shiftKey || !Object.hasOwn(ACTIONS, event.code)) return null;
  return ACTIONS[event.code];
}

function typing(target) {
  return ["INPUT", "TEXTAREA", "SELECT"].includes(target?.tagName) || target?.isContentEditable === true;
}
