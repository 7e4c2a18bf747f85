"""Recordings of the demo's past calls: each sample conversation once on the disk, under the names of all its calls."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ari_bridge.demo.samples import Conversation
from ari_bridge.history import Track
from ari_bridge.store.recordings import FolderOfRecordings
from media.codecs import Codec
from media.wav import LEFT, RIGHT, WavFile


def keep_sound(recordings: FolderOfRecordings, calls: Iterable[tuple[str, Conversation]]) -> None:
    """`calls`: ids and what was said. Blocking; the folder is there."""
    made: dict[str, dict[Track, Path]] = {}
    for call_id, talk in calls:
        paths = {track: path for track in Track if (path := recordings.path(call_id, track))}
        first = made.setdefault(talk.id, paths)
        if first is paths:
            _record(talk, paths)
            continue
        for track, path in paths.items():
            os.link(first[track], path)


def _record(talk: Conversation, paths: dict[Track, Path]) -> None:
    both = WavFile(paths[Track.STEREO], channels=2)
    both.write(LEFT, 0, talk.client.alaw, Codec.PCMA)
    both.write(RIGHT, 0, talk.operator.alaw, Codec.PCMA)
    WavFile(paths[Track.IN]).write(LEFT, 0, talk.client.alaw, Codec.PCMA)
    WavFile(paths[Track.OUT]).write(LEFT, 0, talk.operator.alaw, Codec.PCMA)
