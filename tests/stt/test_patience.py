"""How long a peer may say nothing: of silence for ever, of sound not long."""

from __future__ import annotations

from ari_bridge.stt.recognition import LegRecognition
from tests.stt.byte_speech import silence
from tests.stt.offline import dialect
from tests.stt.test_recognition import NOISE, core, say, send


def stalls_after(leg: LegRecognition, now: float) -> float:
    """Seconds until the open session, fed with sound, is called stalled."""
    for tenth in range(2000):
        at = now + tenth / 10
        leg.feed(NOISE, leg.audio_ms, at)
        send(leg, at)
        if leg.stalled(at):
            return tenth / 10
    raise AssertionError("never stalled")


def test_patience_grows_with_every_stall_that_brought_no_word() -> None:
    leg = core()
    for number, patience in enumerate((1, 2, 4, 8, 16, 16)):
        leg.open(dialect(), number * 200)
        assert 7 * patience < stalls_after(leg, number * 200) < 7 * patience + 1.2
        leg.drop()
    leg.open(dialect(), 2000)
    send(leg, 2000)
    say(leg, now=2000, tokens=[{"text": "да", "start_ms": 0, "end_ms": 100}])
    assert 7 < stalls_after(leg, 2000) < 8.2


def test_a_peer_that_is_silent_while_the_leg_is_owes_nothing() -> None:
    leg = core()
    leg.open(dialect(), 0)
    for _ in range(50):
        leg.feed(silence(100), leg.audio_ms, 0)
    send(leg, 0.1)
    for now in range(1, 60):
        send(leg, now)
        assert not leg.stalled(now)
        assert not leg.fell_silent(now)
    fallen, stalled = [], []
    for tenth in range(600, 700):
        now = tenth / 10
        leg.feed(NOISE, leg.audio_ms, now)
        send(leg, now)
        fallen += [now] if leg.fell_silent(now) else []
        stalled += [now] if leg.stalled(now) else []
    assert 61.8 < fallen[0] < 62.2
    assert 66.8 < stalled[0] < 68.2
