from __future__ import annotations

import audioop

import numpy as np

from ari_bridge.demo.g711 import decode_alaw, decode_mulaw

EVERY_BYTE = bytes(range(256))


def test_both_tables_agree_with_another_implementation() -> None:
    assert np.array_equal(decode_alaw(EVERY_BYTE), np.frombuffer(audioop.alaw2lin(EVERY_BYTE, 2), np.int16))
    assert np.array_equal(decode_mulaw(EVERY_BYTE), np.frombuffer(audioop.ulaw2lin(EVERY_BYTE, 2), np.int16))
