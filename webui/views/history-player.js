/** The recording of a call, in step with its text: what is being played is marked, a line or a moment can be played from. */
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { withQuery } from "../api.js";
import { t } from "../i18n.js";
import { lineAt } from "../timeline.js";

export class Player {
  #schedule;
  #id = null;
  #call = null;
  #track = "stereo";
  #line = null; // what is being said in the recording now
  #revealed = null;

  constructor(schedule) {
    this.#schedule = schedule;
  }

  /** Whether there is something to play. */
  get ready() {
    return Boolean(this.#call?.recording);
  }

  /** The moment of the recording, null before it was played. */
  get ms() {
    const audio = this.#audio();
    return audio && (audio.currentTime > 0 || !audio.paused) ? audio.currentTime * 1000 : null;
  }

  playing(line) {
    return this.#line === line;
  }

  render(id, call) {
    if (id !== this.#id) this.#begin(id);
    this.#call = call;
    if (!this.ready) return nothing;
    const source = withQuery(`api/calls/${encodeURIComponent(id)}/recording`, { track: this.#track });
    return html`<div class="player">
      <audio controls preload="metadata" aria-label=${t("history.recording")} src=${source}
        @timeupdate=${() => this.#moved()} @seeked=${() => this.#moved()} @ended=${() => this.#moved()}></audio>
      <label class="field"><span class="sr">${t("history.track")}</span><select @change=${(event) => this.#choose(event.target.value)}>
        ${call.recording.tracks.map((track) => html`<option value=${track} ?selected=${track === this.#track}>${t(`history.track.${track}`)}</option>`)}
      </select></label>
    </div>`;
  }

  /** Plays from a moment; false where there is nothing to play. */
  seek(ms) {
    const audio = this.#audio();
    if (!audio) return false;
    audio.currentTime = ms / 1000;
    audio.play().catch(() => null); // a browser that wants a click first: the controls are there
    return true;
  }

  /** Keeps what is being said in sight while it is played. */
  rendered() {
    if (this.#line === this.#revealed) return;
    this.#revealed = this.#line;
    const audio = this.#audio();
    if (audio && !audio.paused) document.querySelector(".said .now")?.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.#audio()?.pause();
    this.#begin(null);
  }

  #begin(id) {
    this.#id = id;
    this.#call = this.#line = this.#revealed = null;
    this.#track = "stereo";
  }

  #choose(track) {
    const ms = this.ms;
    this.#track = track;
    this.#schedule();
    if (ms !== null) requestAnimationFrame(() => this.#audio()?.addEventListener("loadedmetadata", () => this.seek(ms), { once: true }));
  }

  #moved() {
    this.#line = this.#call && this.ms !== null ? lineAt(this.#call.transcript, this.ms) : null;
    this.#schedule();
  }

  #audio() {
    return document.querySelector(".player audio");
  }
}
