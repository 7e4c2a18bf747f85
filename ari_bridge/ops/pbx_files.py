"""Our blocks in Asterisk's configuration files: what stands around them is somebody else's and stays as it is. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ari_bridge.errors import ConfigError
from ari_bridge.ops.pbx_render import unquoted

BEGIN: Final = "; >>> ari-bridge: written by `ari-bridge asterisk-config`, which replaces it; change nothing in here"
END: Final = "; <<< ari-bridge"

_BLOCK: Final = re.compile(r"^; >>> ari-bridge\b.*?^; <<< ari-bridge[^\n]*\n?", re.DOTALL | re.MULTILINE)
_SECTION: Final = re.compile(r"^\[([^\]\n]+)\](\([^)\n]*\))?", re.MULTILINE)
_REPLACED: Final = re.compile(r"\b((?:E|Dead)?AGI|MixMonitor|Monitor|(?:Try)?System)\(")


@dataclass(frozen=True, slots=True)
class Section:
    """`[name]` of a file; `kind` is what its `type=` says, empty where it has none."""

    name: str
    kind: str
    line: int


def split(text: str) -> tuple[str, str]:
    """What is not ours, and our block (empty where there is none). Raises `ConfigError` for a block without an end."""
    ours = _BLOCK.search(text)
    if ours is None and re.search(r"^; (>>>|<<<) ari-bridge\b", text, re.MULTILINE):
        raise ConfigError(f"our block is broken: its first or last line ({END}) is missing; remove what is left of it")
    return (text[: ours.start()] + text[ours.end() :], ours[0]) if ours else (text, "")


def merge(text: str, body: str) -> str:
    """The file with our block: in its old place, else at the end."""
    block = f"{BEGIN}\n{body.rstrip()}\n{END}\n"
    split(text)
    if ours := _BLOCK.search(text):
        return text[: ours.start()] + block + text[ours.end() :]
    return f"{text.rstrip()}\n\n{block}" if text.strip() else block


def sections(text: str) -> list[Section]:
    """Sections in order; comments are not among them."""
    found = []
    matches = [*_SECTION.finditer(text)]
    ends = [*(match.start() for match in matches[1:]), len(text)]
    for match, end in zip(matches, ends, strict=False):
        body = text[match.end() : end]
        kind = re.search(r"^\s*type\s*=>?\s*(\w+)", body, re.MULTILINE)
        found.append(Section(match[1], kind[1] if kind else "", text.count("\n", 0, match.start()) + 1))
    return found


def is_on(text: str, setting: str) -> bool:
    """Whether a file sets that to yes, in Asterisk's words for it."""
    return bool(re.search(rf"^\s*{setting}\s*=>?\s*(yes|true|y|t|1|on)\b", text, re.MULTILINE | re.IGNORECASE))


def clash(name: str, outside: str, body: str) -> str | None:
    """What of ours somebody else has described already in that file: one line, or None. A section that ours only adds
    to, `[general](+)`, is none."""
    ours = {(s.name, s.kind) for s in sections(re.sub(r"^\[[^\]\n]+\]\(\+\)", "", body, flags=re.MULTILINE))}
    for section in sections(outside):
        if (section.name, section.kind) in ours:
            return f"{name}: line {section.line} has a section [{section.name}] already"
    return None


def passwords(block: str) -> dict[str, str]:
    """The passwords that our block holds, by section: they stay when it is written anew."""
    found = {}
    for section in _SECTION.finditer(block):
        rest = block[section.end() :]
        following = _SECTION.search(rest)
        body = rest[: following.start()] if following else rest
        if password := re.search(r"^password = (.*)$", body, re.MULTILINE):
            found[section[1]] = unquoted(password[1])
    return found


def masked(text: str) -> str:
    """For people to look at: no password in it."""
    return re.sub(r"^(password = ).*$", r"\1**********", text, flags=re.MULTILINE)


def replaced_lines(text: str) -> list[tuple[int, str]]:
    """Lines of a dialplan that an older set-up may have used and that the daemon replaces: number and text."""
    outside = _BLOCK.sub(lambda ours: "\n" * ours[0].count("\n"), text)
    return [
        (number, line.strip())
        for number, line in enumerate(outside.splitlines(), 1)
        if _REPLACED.search(line.partition(";")[0])
    ]
