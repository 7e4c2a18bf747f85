/** A sound and a desktop notification for an urgent hint, for whoever wants them. The shell of the browser's means. */
import { t } from "./i18n.js";

const NOTES_HZ = [660, 880];
const NOTE_S = 0.11;
const LOUDNESS = 0.06; // of full scale: there is a telephone at the same ear

export class Alarm {
  #preferences;
  #opened;
  #audio = null;
  #last = null; // the card that was signalled last

  /** `onOpen()` is called when somebody clicks a notification. */
  constructor(preferences, onOpen) {
    this.#preferences = preferences;
    this.#opened = onOpen;
  }

  /** An urgent card (null: none so far); the same one is signalled once. */
  signal(card) {
    if (card === null || card.id === this.#last) return;
    this.#last = card.id;
    if (this.#preferences.values.sound) this.ring();
    if (this.#preferences.values.notify && mayNotify() === "granted" && !looking()) this.#notify(card);
  }

  /** Two short notes. A browser keeps silent until somebody has touched the page. */
  ring() {
    this.#audio ??= new AudioContext();
    const audio = this.#audio;
    audio.resume().catch(() => null);
    NOTES_HZ.forEach((frequency, index) => {
      const from = audio.currentTime + index * NOTE_S;
      const tone = new OscillatorNode(audio, { frequency });
      const volume = new GainNode(audio, { gain: 0 });
      volume.gain.setValueAtTime(0, from);
      volume.gain.linearRampToValueAtTime(LOUDNESS, from + 0.01);
      volume.gain.linearRampToValueAtTime(0, from + NOTE_S);
      tone.connect(volume).connect(audio.destination);
      tone.start(from);
      tone.stop(from + NOTE_S);
    });
  }

  #notify(card) {
    const shown = new Notification(`${t(`kind.${card.kind}`)}: ${card.title}`, { body: card.content, tag: card.id });
    shown.onclick = () => {
      window.focus();
      shown.close();
      this.#opened();
    };
  }
}

/** `granted`, `denied`, `default` (not asked yet); `unavailable` on a page that came without TLS, or in an old browser. */
export function mayNotify() {
  return "Notification" in window && window.isSecureContext ? Notification.permission : "unavailable";
}

function looking() {
  return document.visibilityState === "visible" && document.hasFocus();
}
