/**
 * Pure. The sections of the page and their addresses: `#/history/ID?q=дорого` ↔ {name, id, query}. What a role may not
 * see has no address for it; the server refuses it all the same.
 */
const EVERYBODY = ["operator", "supervisor", "admin"];
const OVERSEERS = ["supervisor", "admin"];

export const SECTIONS = [
  { name: "calls", roles: EVERYBODY },
  { name: "wall", roles: OVERSEERS },
  { name: "history", roles: EVERYBODY },
  { name: "report", roles: OVERSEERS },
  { name: "playbook", roles: OVERSEERS },
  { name: "settings", roles: EVERYBODY },
];

/** Names of the sections for a role, in the order of the menu. */
export function sectionsOf(role) {
  return SECTIONS.filter((section) => section.roles.includes(role)).map((section) => section.name);
}

/** The route of an address for `me`; where it leads nowhere, or to what is not for this role, the first page. */
export function routeOf(hash, me) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name, id] = path.split("/", 2).map(decoded);
  if (!sectionsOf(me.role).includes(name)) return { name: home(me), id: null, query: {} };
  return { name, id: id || null, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** The address of a route, for a link. Empty parameters are left out. */
export function addressOf(name, id = null, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const search = new URLSearchParams(given).toString();
  return `#/${name}${id === null ? "" : `/${encodeURIComponent(id)}`}${search && `?${search}`}`;
}

/** Who oversees others' calls and takes none himself begins with the wall. */
function home({ role, extensions, open }) {
  return sectionsOf(role).includes("wall") && extensions.length === 0 && !open ? "wall" : "calls";
}

function decoded(part = "") {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
