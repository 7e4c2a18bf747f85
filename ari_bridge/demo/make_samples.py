"""Makes the recorded conversations from `samples/script.toml`: `python -m ari_bridge.demo.make_samples`.

Needs espeak-ng's library and sox. The results are committed; run it only after changing the script.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from ari_bridge.demo.samples import FOLDER, INDEX, RecordedLeg
from ari_bridge.demo.speech import Line, Synthesiser, Take, Voice, assemble

_LAST_PAUSE_MS = 1200


def make(folder: Path) -> None:
    """Write `index.json` and an A-law file per leg beside the script in `folder`."""
    script = tomllib.loads((folder / "script.toml").read_text(encoding="utf-8"))
    synthesiser = Synthesiser()
    index = []
    for entry in script["conversation"]:
        index.append({key: entry[key] for key in ("id", "title", "client_number")})
        for name, leg in _conversation(entry, synthesiser).items():
            (folder / f"{entry['id']}.{name}.alaw").write_bytes(leg.alaw)
            index[-1][name] = [[[w.text, w.start, w.end] for w in u.words] for u in leg.utterances]
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":")).replace('{"id"', '\n{"id"') + "\n"
    (folder / INDEX).write_text(text, encoding="utf-8")


def _conversation(entry: dict[str, Any], synthesiser: Synthesiser) -> dict[str, RecordedLeg]:
    voices = {leg: Voice(v["voice"], v["pitch"], v["rate"]) for leg in ("client", "operator") for v in [entry[leg]]}
    takes: dict[str, list[tuple[Line, Take]]] = {"client": [], "operator": []}
    now_ms = 0
    for leg, pause_ms, text in entry["turns"]:
        now_ms += pause_ms
        take = synthesiser.say(text, voices[leg])
        takes[leg].append((Line(now_ms, text, voices[leg]), take))
        now_ms += take.duration_ms
    return {leg: assemble(lines, now_ms + _LAST_PAUSE_MS) for leg, lines in takes.items()}


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / FOLDER)
