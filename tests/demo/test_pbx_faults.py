from __future__ import annotations

from ari_bridge.demo.pbx_faults import Fault, FaultBoard, Request


def meet(board: FaultBoard, method: str, path: str) -> int | None:
    fault = board.meet(Request(method, path, ""))
    return fault.status if fault else None


def test_a_fault_strikes_the_nth_matching_request_and_so_many_after_it() -> None:
    board = FaultBoard()
    board.add(Fault(500, method="POST", path="/channels/*/snoop/*", nth=2, times=2))
    struck = [meet(board, "POST", "/channels/1.0/snoop/s1") for _ in range(5)]
    assert struck == [None, 500, 500, None, None]
    assert meet(board, "GET", "/channels/1.0/snoop/s1") is None
    assert meet(board, "POST", "/bridges") is None


def test_the_first_fault_wins_and_all_count() -> None:
    board = FaultBoard()
    board.add(Fault(500))
    board.add(Fault(404, nth=2))
    assert [meet(board, "GET", "/x") for _ in range(3)] == [500, 404, None]


def test_a_fault_is_switched_off() -> None:
    board = FaultBoard()
    switch_off = board.add(Fault(500, times=99))
    assert meet(board, "GET", "/x") == 500
    switch_off()
    switch_off()
    assert meet(board, "GET", "/x") is None
    board.add(Fault(500, times=99))
    board.clear()
    assert meet(board, "GET", "/x") is None


def test_requests_are_kept_in_order_and_bounded() -> None:
    board = FaultBoard()
    for number in range(10_005):
        meet(board, "GET", f"/{number}")
    assert len(board.requests) == 10_000
    assert board.requests[-1].path == "/10004"
