"""What `ari-bridge rca` has to name: trouble in the middle of a call."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Final

from tests.deploy.faults.fault import Fault, Line, Look, Make
from tests.deploy.faults.makers import blocked
from tests.deploy.office import DID
from tests.deploy.watched import Watched
from tests.lab import sipp
from tests.lab.sipp import Audio

UNTROUBLED_S: Final = 4.0
TROUBLE_S: Final = 5.0
AFTERWARDS_S: Final = 3.0
MUTED_S: Final = 5.0


def rca(name: str, make: Make, said: str, *, number: str, quick: bool = False) -> Fault:
    """`make` makes a call of the client with that number, one call each."""
    return Fault(name, make, "rca", said, quick=quick, look=told_of(number))


def told_of(number: str) -> Look:
    def look(watched: Watched) -> list[Line]:
        [diagnosis] = json.loads(watched.vps.box.run("ari-bridge", "rca", number, "--json", check=False).stdout)
        return [{"name": "rca", "grade": "fault", "state": said, "cure": said} for said in diagnosis["verdicts"]]

    return look


def amid_call(number: str, trouble: Make) -> Make:
    """Between the first words of a call and its last ones; it is over."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        office = watched.vps.office
        with office.client(number=number, talk_s=UNTROUBLED_S + TROUBLE_S + AFTERWARDS_S) as caller:
            time.sleep(UNTROUBLED_S)
            with trouble(watched):
                time.sleep(TROUBLE_S)
            caller.wait()
        watched.until_no_call()
        yield

    return make


def muted_call(number: str) -> Make:
    """The client's telephone sends silence."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        asterisk = watched.vps.office.asterisk
        file = asterisk.home / "silence.alaw"
        file.write_bytes(b"\xd5" * 8000)
        silence = Audio(file=file, loop=True)
        with sipp.trunk_caller(asterisk, DID, silence, number=number, talk_s=MUTED_S) as caller:
            caller.wait()
        watched.until_no_call()
        yield

    return make


@contextlib.contextmanager
def killed(watched: Watched) -> Iterator[None]:
    watched.vps.box.sh(f"kill -KILL {watched.vps.show('MainPID')}")
    watched.vps.until_ready()
    yield


def amid(name: str, trouble: Make, said: str, *, number: str) -> Fault:
    return rca(name, amid_call(number, trouble), said, number=number)


TOLD: Final = (
    amid("RTP is dropped", blocked("udp dport {media} drop"), "нет RTP от Asterisk", number="79001110001"),
    amid("Soniox breaks off", blocked("tcp dport {stt} reject with tcp reset"), "распознавани", number="79001110002"),
    amid("ARI breaks off", blocked("tcp dport {http} reject with tcp reset"), "связи с Asterisk", number="79001110003"),
    amid("the daemon is killed", killed, "ari_bridge перезапускался", number="79001110004"),
    rca("the client is muted", muted_call("79001110005"), "микрофон", number="79001110005", quick=True),
)
