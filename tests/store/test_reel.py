from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.store.reel import SEAM_MS, Block, Reel
from media.codecs import Codec

SLICE = 100


def audio(ms: int, fill: int, codec: Codec = Codec.PCMA) -> bytes:
    return bytes([fill]) * (ms * codec.rate // 1000 * codec.bytes_per_sample)


def test_a_frame_is_written_when_it_is_full() -> None:
    reel = Reel(300)
    assert reel.take(0, audio(100, 1), Codec.PCMA) == []
    assert reel.take(100, audio(100, 2), Codec.PCMA) == []
    [block] = reel.take(200, audio(100, 3), Codec.PCMA)
    assert block == Block(0, audio(100, 1) + audio(100, 2) + audio(100, 3), Codec.PCMA)
    assert block.end_ms == 300
    assert reel.flush() == []


def test_a_jump_begins_anew_where_it_leads() -> None:
    reel = Reel(3000)
    reel.take(0, audio(100, 1), Codec.PCMA)
    assert reel.take(5000, audio(100, 2), Codec.PCMA) == [Block(0, audio(100, 1), Codec.PCMA)]
    assert reel.flush() == [Block(5000, audio(100, 2), Codec.PCMA)]


def test_what_is_rounded_leaves_no_seam() -> None:
    reel = Reel(200)
    reel.take(7, audio(100, 1), Codec.PCMA)
    [first] = reel.take(106, audio(100, 2), Codec.PCMA)
    reel.take(208, audio(100, 3), Codec.PCMA)
    [second] = reel.take(307, audio(100, 4), Codec.PCMA)
    assert (first.start_ms, first.end_ms, second.start_ms) == (7, 207, 207)


def test_another_codec_is_another_block() -> None:
    reel = Reel(3000)
    reel.take(0, audio(100, 1), Codec.PCMA)
    assert reel.take(100, audio(100, 2, Codec.L16_16K), Codec.L16_16K) == [Block(0, audio(100, 1), Codec.PCMA)]
    assert reel.flush() == [Block(100, audio(100, 2, Codec.L16_16K), Codec.L16_16K)]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 400), st.sampled_from([Codec.PCMU, Codec.L16_16K]))))
def test_no_audio_is_lost_or_moved_further_than_a_seam(slices: list[tuple[int, int, Codec]]) -> None:
    reel, at, given_, blocks = Reel(300), 0, b"", []
    for pieces, pause, codec in slices:
        at += pause
        payload = audio(pieces * 20, len(given_) % 251, codec)
        given_ += payload
        blocks += reel.take(at, payload, codec)
        at += pieces * 20
    blocks += reel.flush()
    assert b"".join(block.payload for block in blocks) == given_
    for before, after in pairwise(blocks):
        assert after.start_ms >= before.end_ms
    if blocks:
        assert abs(blocks[-1].end_ms - at) <= SEAM_MS * len(slices)
