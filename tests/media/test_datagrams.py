from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from media.datagrams import DatagramMatrix, dropped_by_kernel, open_socket, pin


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A receiving and a sending socket."""
    with (
        open_socket(receive_buffer=100_000) as receiving,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
    ):
        receiving.bind(("127.0.0.1", 0))
        sending.connect(receiving.getsockname())
        yield receiving, sending


def test_rows_hold_datagrams_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    receiving, sending = pair
    matrix = DatagramMatrix(rows=4, width=8)
    sent = [b"one", b"", b"three"]
    for datagram in sent:
        sending.send(datagram)
    assert matrix.receive(receiving.fileno(), 1) == 3
    sizes = matrix.sizes(4).tolist()[1:]
    assert [matrix.octets[row, :size].tobytes() for row, size in zip((1, 2, 3), sizes, strict=True)] == sent


def test_an_empty_socket_has_nothing_and_does_not_block(pair: tuple[socket.socket, socket.socket]) -> None:
    assert DatagramMatrix(rows=4, width=8).receive(pair[0].fileno(), 0) == 0


def test_what_does_not_fit_stays_queued_or_is_cut_off(pair: tuple[socket.socket, socket.socket]) -> None:
    receiving, sending = pair
    matrix = DatagramMatrix(rows=2, width=8)
    for datagram in (b"123456789", b"b", b"c"):
        sending.send(datagram)
    assert matrix.receive(receiving.fileno(), 0) == 2
    assert matrix.sizes(2).tolist() == [8, 1]
    assert matrix.receive(receiving.fileno(), 2) == 0
    assert matrix.receive(receiving.fileno(), 0) == 1
    assert matrix.octets[0, :1].tobytes() == b"c"


def test_every_reception_is_stamped_anew(pair: tuple[socket.socket, socket.socket]) -> None:
    receiving, sending = pair
    matrix = DatagramMatrix(rows=4, width=8)
    for _ in range(3):
        before = time.time()
        sending.send(b"x")
        sending.send(b"y")
        after = time.time()
        assert matrix.receive(receiving.fileno(), 1) == 2
        first, second = matrix.stamps(1, 3)
        assert before - 0.001 <= first <= second <= after + 0.001


def test_pinning_discards_what_was_queued_and_refuses_others(pair: tuple[socket.socket, socket.socket]) -> None:
    receiving, sending = pair
    matrix = DatagramMatrix(rows=4, width=8)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.connect(receiving.getsockname())
        for sender in (sending, other):
            sender.send(b"early")
        pin(receiving, *sending.getsockname())
        for sender in (sending, other):
            sender.send(b"late")
    assert matrix.receive(receiving.fileno(), 0) == 1
    assert matrix.octets[0, :4].tobytes() == b"late"


def test_what_the_kernel_dropped_is_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    receiving, sending = pair
    matrix = DatagramMatrix(rows=2000, width=256)
    assert dropped_by_kernel(receiving) == 0
    for _ in range(1000):
        sending.send(bytes(200))
    assert dropped_by_kernel(receiving) == 1000 - matrix.receive(receiving.fileno(), 0) > 0
