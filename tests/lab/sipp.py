"""The telephones of a call: the trunk's far end and the operators, each a SIPp process to be used as a `with` block."""

from __future__ import annotations

from collections.abc import Mapping

from tests.lab.asterisk import Asterisk
from tests.lab.party import Audio, CallFailed, Party, Stats

__all__ = [
    "Audio",
    "CallFailed",
    "Party",
    "Stats",
    "operator",
    "operator_caller",
    "operator_who_holds",
    "operator_who_is_away",
    "operator_who_transfers",
    "trunk_callee",
    "trunk_caller",
    "trunk_caller_who_gives_up",
]

TRUNK_ADDRESS = "127.0.0.2"
PHONE_ADDRESS = "127.0.0.1"


def trunk_caller(
    asterisk: Asterisk,
    did: str,
    audio: Audio,
    *,
    number: str = "79001234567",
    name: str = "",
    talk_s: float | None = 5.0,
    calls: int = 1,
    per_second: float = 10.0,
) -> Party:
    """A client who dials `did`; hangs up `talk_s` after the answer, or with None waits for the other side to.

    `number` and `name` are what From shows; SIPp keywords such as `[call_number]` make them differ between calls.
    """
    values = {"to_user": did, "from_user": number, "from_name": name}
    return _caller(asterisk, audio, values, talk_s, address=TRUNK_ADDRESS, calls=calls, per_second=per_second)


def operator_caller(
    asterisk: Asterisk,
    extension: str,
    dialled: str,
    audio: Audio,
    *,
    talk_s: float | None = 5.0,
    calls: int = 1,
    per_second: float = 10.0,
) -> Party:
    """An operator who dials out; hangs up `talk_s` after the answer, or with None waits for the other side to."""
    values = {"to_user": dialled, "from_user": extension, "from_name": extension}
    return _caller(asterisk, audio, values, talk_s, address=PHONE_ADDRESS, calls=calls, per_second=per_second)


def operator(
    asterisk: Asterisk,
    extension: str,
    audio: Audio,
    *,
    ring_s: float = 0.0,
    talk_s: float | None = None,
    calls: int = 1,
) -> Party:
    """An operator's telephone that answers after `ring_s`; hangs up after `talk_s`, or with None stays."""
    listens = (PHONE_ADDRESS, asterisk.phone_ports[extension])
    return _callee(asterisk, audio, ring_s, talk_s, listens=listens, calls=calls)


def trunk_caller_who_gives_up(asterisk: Asterisk, did: str, audio: Audio, *, after_s: float) -> Party:
    """A client who hangs up when it has rung for `after_s` without an answer."""
    values = {"to_user": did, "from_user": "79001234567", "from_name": ""}
    return _caller(asterisk, audio, values, after_s, address=TRUNK_ADDRESS, scenario="uac_gives_up")


def operator_who_is_away(asterisk: Asterisk, extension: str, audio: Audio, *, busy: bool = False) -> Party:
    """An operator who never answers until the call is taken back, or who is `busy`."""
    listens = (PHONE_ADDRESS, asterisk.phone_ports[extension])
    return _callee(asterisk, audio, 0, None, listens=listens, scenario="uas_busy" if busy else "uas_never_answers")


def operator_who_holds(
    asterisk: Asterisk, extension: str, audio: Audio, *, talk_s: float, hold_s: float, ring_s: float = 0.0
) -> Party:
    """An operator who answers, puts the other side on hold after `talk_s`, takes it back after `hold_s`, and stays."""
    more = {"hold_ms": _ms(hold_s)}
    listens = (PHONE_ADDRESS, asterisk.phone_ports[extension])
    return _callee(asterisk, audio, ring_s, talk_s, listens=listens, scenario="uas_holds", more=more)


def operator_who_transfers(
    asterisk: Asterisk, extension: str, audio: Audio, *, talk_s: float, target: str, ring_s: float = 0.0
) -> Party:
    """An operator who answers and after `talk_s` transfers the call blindly (REFER) to extension `target`.

    It hangs up when Asterisk reports that the target answered.
    """
    listens = (PHONE_ADDRESS, asterisk.phone_ports[extension])
    more = {"target": f"{target}@127.0.0.1:{asterisk.sip_port}"}
    return _callee(asterisk, audio, ring_s, talk_s, listens=listens, scenario="uas_transfers", more=more)


def trunk_callee(
    asterisk: Asterisk, audio: Audio, *, ring_s: float = 0.0, talk_s: float | None = None, calls: int = 1
) -> Party:
    """The client's telephone behind the trunk for outbound calls."""
    listens = (TRUNK_ADDRESS, asterisk.trunk_port)
    return _callee(asterisk, audio, ring_s, talk_s, listens=listens, calls=calls)


def _caller(
    asterisk: Asterisk,
    audio: Audio,
    values: dict[str, str],
    talk_s: float | None,
    *,
    address: str,
    calls: int = 1,
    per_second: float = 10.0,
    scenario: str | None = None,
) -> Party:
    return Party(
        scenario=scenario or ("uac_stays" if talk_s is None else "uac_hangs_up"),
        address=address,
        audio=audio,
        values=values | {"talk_ms": _ms(talk_s)},
        remote=f"127.0.0.1:{asterisk.sip_port}",
        calls=calls,
        per_second=per_second,
        netns=asterisk.options.netns,
        realtime=asterisk.options.realtime,
    )


def _callee(
    asterisk: Asterisk,
    audio: Audio,
    ring_s: float,
    talk_s: float | None,
    *,
    listens: tuple[str, int],
    calls: int = 1,
    scenario: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Party:
    return Party(
        scenario=scenario or ("uas_stays" if talk_s is None else "uas_hangs_up"),
        address=listens[0],
        sip_port=listens[1],
        audio=audio,
        values={"ring_ms": _ms(ring_s), "talk_ms": _ms(talk_s)} | dict(more or {}),
        calls=calls,
        netns=asterisk.options.netns,
        realtime=asterisk.options.realtime,
    )


def _ms(seconds: float | None) -> str:
    return str(round((seconds or 0.0) * 1000))
