"""Counters that wrap: serial number arithmetic (RFC 1982) for RTP's 16-bit sequence numbers and 32-bit timestamps.

Nothing here keeps an unwrapped counter: whoever needs one adds the difference to his own.
"""

from __future__ import annotations


def serial_difference(new: int, old: int, bits: int) -> int:
    """How far `new` lies after `old` on a circle of 2**bits by the shorter way; negative when it lies before.

    From −2**(bits−1) to 2**(bits−1)−1: what is just opposite, which RFC 1982 leaves open, lies before.
    """
    half = 1 << (bits - 1)
    return ((new - old + half) & ((1 << bits) - 1)) - half
