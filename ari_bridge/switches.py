"""What is left out for some calls: by trunk, by client's number, by operator. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from ari_bridge.events import Call


class Service(StrEnum):
    """What can be switched off. `stt`: no audio leaves for recognition; `llm`: no text leaves for the model."""

    STT = "stt"
    LLM = "llm"
    HINTS = "hints"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class Switch:
    """Switches `off` for a call that meets every condition that is set; an empty one is none.

    `trunks`: endpoints of the client's channel (`PJSIP/mango`, any case); `numbers`: the client's, in any writing, by
    their last ten digits; `operators`: whoever speaks.
    """

    off: frozenset[Service]
    trunks: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()


def switch(
    off: Iterable[Service], trunks: Iterable[str] = (), numbers: Iterable[str] = (), operators: Iterable[str] = ()
) -> Switch:
    """A `Switch` from what people write."""
    return Switch(
        frozenset(off), frozenset(map(str.casefold, trunks)), frozenset(map(_last_ten, numbers)), frozenset(operators)
    )


def switched_off(switches: Collection[Switch], call: Call) -> tuple[Service, ...]:
    """In the order of `Service`."""
    if not switches:
        return ()
    number = _last_ten(call.client_number or "")
    trunk = (call.trunk or "").casefold()
    off: frozenset[Service] = frozenset()
    for each in switches:
        if (
            (not each.trunks or trunk in each.trunks)
            and (not each.numbers or number in each.numbers)
            and (not each.operators or call.operator in each.operators)
        ):
            off |= each.off
    return tuple(service for service in Service if service in off)


def _last_ten(number: str) -> str:
    return "".join(c for c in number if c.isdigit())[-10:]
