from __future__ import annotations

from ari_bridge.calls.dialling import CONNECTED, Dialler, Dialling


def test_news_of_a_dialling_keep_what_they_leave_out() -> None:
    dialler = Dialler()
    dialler.note("peer", "caller", "1001", "")
    dialler.note("peer", None, "", "RINGING")
    assert dialler.of("peer") == Dialling("caller", "1001", "RINGING")
    assert dialler.peers("caller") == {"peer"}


def test_only_some_statuses_ring() -> None:
    def rings(status: str) -> bool:
        return Dialling(None, "", status).rings

    assert all(map(rings, ("", "RINGING", "PROGRESS", "PROCEEDING", "ANSWER")))
    assert not any(map(rings, ("BUSY", "NOANSWER", "CANCEL", "CONGESTION", "CHANUNAVAIL", CONNECTED)))


def test_who_is_connected_rings_no_more() -> None:
    dialler = Dialler()
    dialler.note("peer", "caller", "1001", "ANSWER")
    dialler.note_connected("peer")
    dialler.note_connected("never dialled")
    assert dialler.of("peer") == Dialling("caller", "1001", CONNECTED)
    assert dialler.of("never dialled") is None


def test_a_dialled_channel_that_is_gone_leaves_nothing_behind() -> None:
    dialler = Dialler()
    dialler.note("a", "caller", "", "")
    dialler.note("b", "caller", "", "")
    dialler.note("by asterisk", None, "", "")
    dialler.forget("a")
    assert dialler.peers("caller") == {"b"}
    for peer in ("b", "by asterisk", "never dialled"):
        dialler.forget(peer)
    assert len(dialler) == 0
    assert all(not held for held in vars(dialler).values())


def test_the_caller_may_be_learnt_of_later() -> None:
    dialler = Dialler()
    dialler.note("peer", None, "", "")
    dialler.note("peer", "caller", "", "")
    assert dialler.peers("caller") == {"peer"}
    dialler.note("peer", "other", "", "")
    assert (dialler.peers("caller"), dialler.peers("other")) == (set(), {"peer"})
