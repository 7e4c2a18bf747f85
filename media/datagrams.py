"""Linux and its datagrams: many sockets' in the rows of one matrix, by one `recvmmsg(2)` per socket.

Python's own sockets need a system call and an object for every datagram, and an exception to learn that there is no
more. Here the message headers are a structured array: set up once, written by the kernel, read as columns.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

# include/uapi/asm-generic/socket.h and linux/sock_diag.h; Python's socket module does not name them.
SO_TIMESTAMPNS: Final = 35
_SO_MEMINFO: Final = 55
_SK_MEMINFO_DROPS: Final = 8

_DONTWAIT: Final = int(socket.MSG_DONTWAIT)  # an enum's member would cost more than the rest of the call

_IOVEC: Final = np.dtype([("iov_base", np.uintp), ("iov_len", np.uintp)], align=True)
_MSGHDR: Final = np.dtype(
    [
        ("msg_name", np.uintp),
        ("msg_namelen", np.uint32),
        ("msg_iov", np.uintp),
        ("msg_iovlen", np.uintp),
        ("msg_control", np.uintp),
        ("msg_controllen", np.uintp),
        ("msg_flags", np.intc),
    ],
    align=True,
)
_MMSGHDR: Final = np.dtype([("msg_hdr", _MSGHDR), ("msg_len", np.uintc)], align=True)
# The only control message that is asked for: a cmsghdr with a timespec.
_STAMP: Final = np.dtype(
    [
        ("cmsg_len", np.uintp),
        ("cmsg_level", np.intc),
        ("cmsg_type", np.intc),
        ("tv_sec", np.int_),
        ("tv_nsec", np.int_),
    ],
    align=True,
)

# Called thousands of times a second: it never blocks, so it need not let go of the interpreter's lock (PyDLL), and its
# arguments are of C's types already.
_recvmmsg = ctypes.PyDLL(None).recvmmsg
_recvmmsg.restype = ctypes.c_int


def open_socket(receive_buffer: int) -> socket.socket:
    """A non-blocking UDP socket, not bound yet, whose datagrams are stamped by the kernel.

    `receive_buffer` in octets as the kernel counts them; it doubles the value, and bounds it by net.core.rmem_max.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock


def pin(sock: socket.socket, host: str, port: int) -> None:
    """Let the kernel refuse datagrams from any other address, and discard those queued before: anybody may have sent
    them."""
    sock.connect((host, port))
    scratch = bytearray(1)
    while True:
        try:
            sock.recv_into(scratch)
        except OSError:
            return


def dropped_by_kernel(sock: socket.socket) -> int:
    """Datagrams that found the receive buffer full (SO_MEMINFO, Linux ≥ 4.12)."""
    counters = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_SK_MEMINFO_DROPS + 1))
    return int(struct.unpack_from("=I", counters, 4 * _SK_MEMINFO_DROPS)[0])


class DatagramMatrix:
    """`octets` has a row per datagram. What does not fit into a row is cut off: a full row is a truncated datagram."""

    def __init__(self, rows: int, width: int) -> None:
        self.rows = rows
        self.octets: NDArray[np.uint8] = np.zeros((rows, width), dtype=np.uint8)
        self._iovecs = np.zeros(rows, dtype=_IOVEC)
        self._headers = np.zeros(rows, dtype=_MMSGHDR)
        self._stamps = np.zeros(rows, dtype=_STAMP)
        number = np.arange(rows, dtype=np.uintp)
        self._iovecs["iov_base"] = self.octets.ctypes.data + number * width
        self._iovecs["iov_len"] = width
        header = self._headers["msg_hdr"]
        header["msg_iov"] = self._iovecs.ctypes.data + number * _IOVEC.itemsize
        header["msg_iovlen"] = 1
        header["msg_control"] = self._stamps.ctypes.data + number * _STAMP.itemsize
        # What the kernel writes back is the size of a stamp again, since every datagram has one: nothing to reset.
        header["msg_controllen"] = _STAMP.itemsize
        self._address = int(self._headers.ctypes.data)

    def receive(self, fileno: int, first: int) -> int:
        """Take what is queued on the socket into rows `first` and on; how many datagrams that were.

        The socket is one of `open_socket`. Never blocks: 0 where there are none. If the last row is filled, there may
        be more.
        """
        header = ctypes.c_void_p(self._address + first * _MMSGHDR.itemsize)
        count: int = _recvmmsg(fileno, header, self.rows - first, _DONTWAIT, None)
        return count if count > 0 else 0

    def sizes(self, rows: int) -> NDArray[np.int64]:
        """The lengths of the datagrams in the first `rows` rows."""
        return self._headers["msg_len"][:rows].astype(np.int64)

    def stamps(self, first: int, end: int) -> list[float]:
        """When the kernel got the datagrams of rows `first` up to `end`, in seconds of the wall clock."""
        stamps = self._stamps[first:end]
        seconds: list[float] = (stamps["tv_sec"] + stamps["tv_nsec"] * 1e-9).tolist()
        return seconds
