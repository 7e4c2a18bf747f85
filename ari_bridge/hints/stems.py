"""The words of telephone talk, as the hints need them: stems (`ari_bridge.russian`), and how stems sound. Pure."""

from __future__ import annotations

import re

from ari_bridge.russian import Word, fold, kin, stem, words

__all__ = ["Word", "fold", "kin", "sound", "stem", "words"]

_VOICELESS = str.maketrans("бвгджз", "пфктшс")
_SAME_SOUND = str.maketrans({"о": "а", "е": "и", "ы": "и", "э": "и", "я": "и", "ь": None, "ъ": None})
_BEFORE_VOICELESS = re.compile(r"[бвгджз](?=[пфктшсхцчщ]|$)")
_DOUBLED = re.compile(r"(.)\1+")


def sound(stemmed: str) -> str:
    """How a stem sounds, roughly: what a recogniser confuses («скитка», «расрочка», «сколко») becomes equal."""
    plain = _DOUBLED.sub(r"\1", stemmed.translate(_SAME_SOUND))
    return _BEFORE_VOICELESS.sub(lambda match: match[0].translate(_VOICELESS), plain)
