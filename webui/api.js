/** The shell of the hub's REST: JSON in, JSON out; whose session has ended is sent to sign in. */
import { isKnown, t } from "./i18n.js";

export const SIGN_IN = "login.html";

/**
 * `status` 0: no server answered. `message` is for people: the words of `fault.CODE` where there are some, else the
 * server's; `code` and `details` are the server's `error` members.
 */
export class ApiError extends Error {
  constructor(status, error = {}) {
    super(said(status, error));
    this.status = status;
    this.code = error.code ?? "";
    this.details = error;
  }
}

function said(status, { code, message }) {
  if (isKnown(`fault.${code}`)) return t(`fault.${code}`);
  return message || t(status === 0 ? "api.noAnswer" : "api.failed");
}

/**
 * The answer's JSON. `path` is below the page ("api/history"), `query` its parameters (empty ones are left out), `body`
 * what is sent as JSON. Raises `ApiError`; an aborted `signal` raises as `fetch` does.
 */
export async function ask(path, { method = "GET", query = {}, body, signal } = {}) {
  const response = await reach(withQuery(path, query), method, body, signal);
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) return signIn();
  if (!response.ok) throw new ApiError(response.status, answer?.error);
  return answer;
}

/** `api/history?q=дорого`, also for links to what is downloaded. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** To the sign-in page, which comes back to this section. Whoever waits for it waits until the page is gone. */
export function signIn() {
  location.replace(SIGN_IN + location.hash);
  return new Promise(() => {});
}

async function reach(address, method, body, signal) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  try {
    return await fetch(address, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal });
  } catch (fault) {
    if (signal?.aborted) throw fault;
    throw new ApiError(0);
  }
}
