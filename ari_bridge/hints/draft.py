"""The model's answer while it grows, as far as it may be seen. Pure.

Joins `partial_json` and `licence`: whatever is fed, `Draft` never holds a word of a sentence that states a number, term
or promise which is not in the playbook. `strict` is only a hint at some providers, so the schema is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ari_bridge.events import Priority, SuggestionKind
from ari_bridge.hints.licence import CheckedText, Licence
from ari_bridge.hints.partial_json import Member, PartialObject
from ari_bridge.hints.prompt import KINDS, SILENT

MAX_TITLE = 60
MAX_CONTENT = 300
_EMPTY = Member("", False)


@dataclass(frozen=True, slots=True)
class Draft:
    """What may be shown now. `kind` and `priority` are None until known; "" stands for a text not begun.

    `content_blocked`: something in it was not licensed, so it ends early (or is empty).
    """

    kind: SuggestionKind | None
    priority: Priority | None
    title: str
    content: str
    content_blocked: bool


class DraftError(ValueError):
    """The answer is no suggestion; the message is a stable word for the log."""


class DraftReader:
    """Feed it the text as it comes, then `finish`. Both return what may be shown; None means nothing."""

    __slots__ = ("_content", "_json", "_title", "_title_blocked")

    def __init__(self, licence: Licence) -> None:
        self._json = PartialObject()
        self._title = CheckedText(licence)
        self._content = CheckedText(licence)

    def feed(self, text: str) -> Draft | None:
        """Raises `DraftError` as soon as the answer cannot become a suggestion."""
        self._json.feed(text)
        if self._json.broken:
            raise DraftError("not_json")
        return self._draft()

    def finish(self) -> Draft | None:
        """The final state; None where the model chose silence or nothing of it may be shown. Raises `DraftError`."""
        if not self._json.closed:
            raise DraftError("cut" if self._json.members else "not_json")
        members = self._json.members
        if self._silent() or (_text(members, "title") == "" and _text(members, "content") == ""):
            return None
        if not {"kind", "priority", "title", "content"} <= members.keys():
            raise DraftError("not_the_schema")
        return self._draft()

    def _silent(self) -> bool:
        return self._json.members.get("kind", _EMPTY) == Member(SILENT, True)

    def _draft(self) -> Draft | None:
        if self._silent():
            return None
        kind = _choice(self._json.members.get("kind", _EMPTY), KINDS)
        priority = _choice(self._json.members.get("priority", _EMPTY), tuple(Priority))
        title = self._checked(self._title, "title", MAX_TITLE)
        content = self._checked(self._content, "content", MAX_CONTENT)
        return Draft(
            SuggestionKind(kind) if kind else None,
            Priority(priority) if priority else None,
            "" if self._title.blocked else title,
            content,
            self._content.blocked,
        )

    def _checked(self, text: CheckedText, name: str, limit: int) -> str:
        member = self._json.members.get(name, _EMPTY)
        flat = " ".join(member.text.split()) + (" " if member.text[-1:].isspace() and not member.whole else "")
        if len(flat) > 2 * limit:
            raise DraftError("too_long")
        return _shortened(text.update(flat, whole=member.whole), limit)


def _text(members: dict[str, Member], name: str) -> str:
    return members.get(name, _EMPTY).text.strip()


def _choice(member: Member, allowed: tuple[str, ...]) -> str | None:
    if not member.whole:
        return None
    if member.text not in allowed:
        raise DraftError("not_the_schema")
    return member.text


def _shortened(text: str, limit: int) -> str:
    """At most `limit` characters, whole words."""
    text = text.strip()
    return text if len(text) <= limit else text[: text.rfind(" ", 0, limit)] + "…"
