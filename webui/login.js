/** The sign-in page: asks for a session's cookie and goes on to the page. Who is signed in already goes on at once. */
import { addWords, speak, t } from "./i18n.js";
import { Preferences } from "./preferences.js";
import { signInTrouble } from "./text.js";

const PAGE = `./${location.hash}`; // back to the section that was asked for
const form = document.getElementById("sign-in");
const button = form.querySelector("button");
const fault = document.getElementById("fault");

/** A cookie that is SameSite=Strict is not sent when the page was opened by a link from elsewhere, but it is from here. */
async function goOnIfKnown() {
  const answer = await ask("api/me");
  if (answer?.status === 200) location.replace(PAGE);
  else if (answer?.status === 403) await tell(answer);
}

async function signIn(event) {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  fault.textContent = "";
  const { name, password } = Object.fromEntries(new FormData(form));
  const answer = await ask("api/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name, password }),
  });
  if (answer?.ok) return location.replace(PAGE);
  button.disabled = false;
  await tell(answer);
  form.elements.password.select();
}

async function tell(answer) {
  const body = await answer?.json().catch(() => null);
  fault.textContent = signInTrouble(answer?.status ?? 0, answer?.headers.get("Retry-After"), body?.error?.message ?? "");
}

/** The answer, null where no server answers. */
async function ask(path, options) {
  try {
    return await fetch(path, { cache: "no-store", ...options });
  } catch {
    return null;
  }
}

/** The page is written in Russian; another language that was chosen in this browser takes its place. */
async function translate() {
  const { language } = new Preferences().values;
  if (language === "ru") return;
  addWords(language, (await import(`./words/${language}.js`)).WORDS);
  speak(language);
  document.title = `${t("sign.title")} · ari bridge`;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
}

form.addEventListener("submit", signIn);
translate();
goOnIfKnown();
