from __future__ import annotations

from dataclasses import replace

import pytest

from media.frames import FrameLedger, FrameSums
from media.framing import Frame, Gap


def test_frames_add_up_slices_and_losses() -> None:
    ledger = FrameLedger(1000)
    assert ledger.add(0, 400, 0.01, 400) is None
    ledger.lose(Gap(900, 300, (0, 1)))
    frame = ledger.add(400, 600, 0.0, 0)
    assert frame is not None
    assert frame.loudness_dbfs == pytest.approx(-23.98, abs=0.01)  # 0.01 × 0.4
    assert replace(frame, loudness_dbfs=0) == Frame(0, 0, 1000, 100, 0, 400)
    assert ledger.add(1000, 300, 0.0, 0) is None
    sums = ledger.sums()
    assert sums == FrameSums(2000, 0.0, 0, 200)
    ledger.resume(sums._replace(energy=0.2 * 500, speech_ms=200), end_ms=1500)
    last = ledger.close()
    assert last is not None
    assert last.loudness_dbfs == pytest.approx(-6.99, abs=0.01)
    assert replace(last, loudness_dbfs=0) == Frame(1, 1000, 500, 200, 0, 200)
    assert FrameLedger().close() is None


def test_frames_that_a_jump_leaves_behind_are_told() -> None:
    ledger = FrameLedger(1000)
    ledger.add(0, 400, 0.0, 0)
    ledger.lose(Gap(400, 2100, (0, 1, 2)))
    assert ledger.advance(2500) == [Frame(0, 0, 1000, 600, -100, 0), Frame(1, 1000, 1000, 1000, -100, 0)]
    ledger.add(2500, 100, 0.0, 0)
    assert ledger.close() == Frame(2, 2000, 600, 500, -100, 0)
