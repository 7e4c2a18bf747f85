from __future__ import annotations

import ctypes.util
import json
import shutil
import tomllib
from pathlib import Path

import pytest

from ari_bridge.demo import make_samples
from ari_bridge.demo.samples import FOLDER, INDEX, load_conversations

SAMPLES = Path(make_samples.__file__).parent / FOLDER
SCRIPT = tomllib.loads((SAMPLES / "script.toml").read_text(encoding="utf-8"))["conversation"]


def test_the_recordings_say_what_the_script_says() -> None:
    for conversation, entry in zip(load_conversations(), SCRIPT, strict=True):
        assert (conversation.id, conversation.client_number) == (entry["id"], entry["client_number"])
        for leg, recording in (("client", conversation.client), ("operator", conversation.operator)):
            assert [u.text for u in recording.utterances] == [text for who, _, text in entry["turns"] if who == leg]


@pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None or shutil.which("sox") is None, reason="espeak-ng or sox is missing"
)
def test_made_again_they_are_as_long_and_say_the_same(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "script.toml", tmp_path)
    make_samples.make(tmp_path)
    again = json.loads((tmp_path / INDEX).read_text(encoding="utf-8"))
    assert [entry["id"] for entry in again] == [entry["id"] for entry in SCRIPT]
    for entry in again:
        for leg in ("client", "operator"):
            new, old = (folder / f"{entry['id']}.{leg}.alaw" for folder in (tmp_path, SAMPLES))
            assert abs(new.stat().st_size - old.stat().st_size) <= 0.1 * old.stat().st_size
