from __future__ import annotations

import numpy as np
import pytest

from media.codecs import ASTERISK_PAYLOAD_TYPES, Codec, l16_to_little_endian

ALL_CODES = bytes(range(256))


@pytest.mark.parametrize(
    ("codec", "payload", "samples"),
    [
        (Codec.PCMU, b"\xff\x7f\x80\x00", [0, 0, 32_124, -32_124]),  # ITU-T G.711, table 2b
        (Codec.PCMA, b"\xd5\x55\xaa\x2a", [8, -8, 32_256, -32_256]),  # ITU-T G.711, table 2a
        (Codec.L16_8K, b"\x00\x00\x7f\xff\x80\x00\x01\x02", [0, 32_767, -32_768, 258]),
        (Codec.L16_16K, b"\xff\xfe", [-2]),
    ],
)
def test_decode_vectors(codec: Codec, payload: bytes, samples: list[int]) -> None:
    decoded = codec.decode(payload)
    assert decoded.dtype == np.int16
    assert decoded.tolist() == samples


@pytest.mark.parametrize("codec", list(Codec))
def test_encoding_what_was_decoded_decodes_to_the_same(codec: Codec) -> None:
    samples = codec.decode(ALL_CODES)
    assert codec.decode(codec.encode(samples)).tolist() == samples.tolist()


@pytest.mark.parametrize("codec", list(Codec))
def test_silence_is_one_sample_and_quiet(codec: Codec) -> None:
    assert len(codec.silence) == codec.bytes_per_sample
    assert abs(int(codec.decode(codec.silence)[0])) <= 8


def test_l16_turns_into_pcm_s16le() -> None:
    assert l16_to_little_endian(b"\x01\x02\xff\x00") == b"\x02\x01\x00\xff"


def test_asterisks_payload_types() -> None:
    assert {number: ASTERISK_PAYLOAD_TYPES.get(number) for number in (0, 8, 11, 118, 13, 101)} == {
        0: Codec.PCMU,
        8: Codec.PCMA,
        11: Codec.L16_8K,
        118: Codec.L16_16K,
        13: None,
        101: None,
    }
