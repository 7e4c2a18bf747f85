"""Which way a leg's audio takes."""

from __future__ import annotations

import pytest

from ari_bridge.asterisk.route import REFUSALS, Preference, Router, Transport, choose

NEAR, FAR = "http://127.0.0.1:8088", "https://pbx.example.ru"


@pytest.mark.parametrize(
    ("preference", "ari_url", "media_host", "offered", "silent", "way"),
    [
        ("rtp", FAR, "127.0.0.1", True, True, "rtp"),
        ("websocket", NEAR, "127.0.0.1", False, False, "websocket"),
        ("auto", NEAR, "127.0.0.1", True, False, "rtp"),
        ("auto", "http://localhost:8088", "127.0.0.1", True, False, "rtp"),
        ("auto", "http://[::1]:8088", "::1", True, False, "rtp"),
        ("auto", NEAR, "127.0.0.1", True, True, "websocket"),
        ("auto", FAR, "127.0.0.1", True, False, "websocket"),
        ("auto", FAR, "203.0.113.7", True, False, "rtp"),
        ("auto", FAR, "203.0.113.7", True, True, "websocket"),
        ("auto", FAR, "127.0.0.1", False, True, "rtp"),
        ("auto", FAR, "127.0.0.1", None, False, "rtp"),
    ],
)
def test_the_way(  # noqa: PLR0917 - a table
    preference: Preference, ari_url: str, media_host: str, offered: bool | None, silent: bool, way: str
) -> None:
    route = choose(preference, ari_url=ari_url, media_host=media_host, offered=offered, silent=silent)
    assert route.transport is Transport(way)
    assert route.why


def test_a_router_learns_that_rtp_does_not_arrive() -> None:
    router = Router("auto", NEAR, "127.0.0.1")
    assert (router.route.transport, router.undecided) == (Transport.RTP, False)  # nothing is offered yet
    router.offer(True)
    assert (router.route.transport, router.undecided) == (Transport.RTP, True)
    router.note_rtp(arrives=False)
    assert (router.route.transport, router.undecided) == (Transport.WEBSOCKET, False)
    for _ in range(REFUSALS):
        router.note_socket(opened=False)
    assert router.route.transport is Transport.WEBSOCKET  # RTP would be no better
    router.offer(True)
    assert router.route.transport is Transport.WEBSOCKET  # and what is known stays known


def test_rtp_that_has_arrived_is_not_given_up_for_one_late_packet() -> None:
    router = Router("auto", NEAR, "127.0.0.1")
    router.offer(True)
    router.note_rtp(arrives=True)
    assert (router.route.transport, router.undecided) == (Transport.RTP, False)
    router.offer(True)
    assert not router.undecided


def test_a_websocket_that_never_opens_is_given_up_for_rtp() -> None:
    router = Router("auto", FAR, "127.0.0.1")
    router.offer(True)
    for opened in (False, False, True, False, False):
        router.note_socket(opened=opened)
        assert router.route.transport is Transport.WEBSOCKET
    router.note_socket(opened=False)
    assert (router.route.transport, router.undecided) == (Transport.RTP, False)
    router.offer(False)
    router.offer(True)  # loaded again: it may open now
    assert router.route.transport is Transport.WEBSOCKET


def test_what_is_fixed_is_not_learnt() -> None:
    router = Router("rtp", NEAR, "127.0.0.1")
    router.offer(True)
    router.note_rtp(arrives=False)
    assert (router.route.transport, router.undecided) == (Transport.RTP, False)
