"""What goes wrong on a VPS, made from outside the daemon's process, and the line that has to name it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.deploy.watched import Watched

Line = dict[str, str]
Make = Callable[[Watched], AbstractContextManager[None]]
Look = Callable[[Watched], list[Line]]


def checked(watched: Watched) -> list[Line]:
    return watched.vps.check()


@dataclass(frozen=True, slots=True)
class Fault:
    """`make` does it and takes it back. Of what `look` shows, `line` has to say `said`, with a cure; lines in `follows`
    may be other than well too, no others.

    `quick`: cheap enough for each run of the tests.
    """

    name: str
    make: Make
    line: str
    said: str
    follows: frozenset[str] = frozenset()
    quick: bool = False
    look: Look = checked

    def misjudged(self, found: list[Line]) -> str | None:
        """What is wrong with these lines; None where they name the fault, and it alone."""
        named = self.named(found)
        if named is None:
            return f"{self.line} does not say {self.said!r}"
        if not named["cure"]:
            return f"{self.line} gives no cure"
        others = {line["name"] for line in found if line["grade"] != "ok"} - {self.line} - self.follows
        return f"blamed too: {', '.join(sorted(others))}" if others else None

    def named(self, found: list[Line]) -> Line | None:
        lines = (line for line in found if line["name"] == self.line and line["grade"] != "ok")
        return next((line for line in lines if self.said in line["state"]), None)

    def trial(self, watched: Watched) -> list[Line]:
        """What is seen while it lasts."""
        with self.make(watched):
            return self.look(watched)


def ill(found: list[Line]) -> list[Line]:
    return [line for line in found if line["grade"] != "ok"]
