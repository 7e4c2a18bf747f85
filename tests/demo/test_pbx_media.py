from __future__ import annotations

import audioop
import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.demo.pbx_media import FORMATS, RtpStream, block_for, check_external_media, mix, open_snoop, said_by
from ari_bridge.demo.pbx_model import BLOCK, SILENT_BLOCK, AriFault, CallerId, Channel, Dialplan, MediaTarget
from ari_bridge.demo.pbx_switch import Switchboard

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
BLOCKS = st.binary(min_size=BLOCK, max_size=BLOCK)


def tone(hz: float, level: int = 8000) -> bytes:
    samples = (level * np.sin(2 * np.pi * hz * np.arange(BLOCK) / 8000)).astype(np.int16)
    return audioop.lin2alaw(samples.tobytes(), 2)


@pytest.fixture
def board() -> Switchboard:
    return Switchboard(["PJSIP/mango", "PJSIP/1001"], NOW)


def speaking(board: Switchboard, endpoint: str, audio: bytes | None) -> Channel:
    channel = board.line(endpoint, "Up", Dialplan(), CallerId(), None)
    board.speak(channel, audio)
    return channel


def snoop(board: Switchboard, tapped: Channel, spy: str) -> Channel:
    return open_snoop(board, tapped.id, app="a", spy=spy, whisper="none", snoop_id=None)


@given(BLOCKS)
def test_alaw_goes_out_untouched(block: bytes) -> None:
    assert FORMATS["alaw"].encode(block) == block


@given(BLOCKS)
def test_mulaw_is_the_nearest_to_what_was_said(block: bytes) -> None:
    """G.711's own conversion may choose a neighbour: the error is what counts, one step of the coarser codec."""
    said = np.frombuffer(audioop.alaw2lin(block, 2), np.int16).astype(int)
    heard = np.frombuffer(audioop.ulaw2lin(FORMATS["ulaw"].encode(block), 2), np.int16).astype(int)
    assert np.all(np.abs(heard - said) <= np.maximum(16, np.abs(said) // 32))


@pytest.mark.parametrize(("name", "payload_type", "held"), [("slin", 10, 1), ("slin16", 118, 2)])
def test_linear_formats_are_big_endian(name: str, payload_type: int, held: int) -> None:
    block = tone(440)
    samples = np.frombuffer(FORMATS[name].encode(block), ">i2")
    assert FORMATS[name].payload_type == payload_type
    assert np.array_equal(samples[::held], np.frombuffer(audioop.alaw2lin(block, 2), "<i2"))


@pytest.mark.parametrize(("name", "step"), [("alaw", 160), ("ulaw", 160), ("slin16", 320)])
def test_a_stream_counts_through_both_wraps(name: str, step: int) -> None:
    stream = RtpStream(FORMATS[name], ssrc=7, sequence_number=0xFFFF, timestamp=0xFFFFFFFF)
    headers = [struct.unpack("!BBHII", stream.packet(SILENT_BLOCK)[:12]) for _ in range(3)]
    kind = FORMATS[name].payload_type
    assert headers[0] == (0x80, 0x80 | kind, 0xFFFF, 0xFFFFFFFF, 7)
    assert headers[1] == (0x80, kind, 0, step - 1, 7)
    assert headers[2] == (0x80, kind, 1, 2 * step - 1, 7)


@given(BLOCKS)
def test_a_single_speaker_passes_bit_exact(block: bytes) -> None:
    assert mix([SILENT_BLOCK, block, SILENT_BLOCK]) == block


def test_two_speakers_are_added() -> None:
    both = audioop.alaw2lin(mix([tone(400), tone(1000)]), 2)
    expected = audioop.add(audioop.alaw2lin(tone(400), 2), audioop.alaw2lin(tone(1000), 2), 2)
    difference = np.frombuffer(both, np.int16).astype(int) - np.frombuffer(expected, np.int16)
    assert np.max(np.abs(difference)) <= 512


def test_speech_starts_at_the_answer_and_silence_follows(board: Switchboard) -> None:
    board.tick = 10
    channel = speaking(board, "PJSIP/mango", tone(440) + tone(880) + b"\x00" * 10)
    heard = []
    for board.tick in range(10, 16):
        heard.append(said_by(board, channel))
    assert heard[:3] == [SILENT_BLOCK, tone(440), tone(880)]
    assert heard[3] == b"\x00" * 10 + SILENT_BLOCK[10:]
    assert heard[4:] == [SILENT_BLOCK, SILENT_BLOCK]


def test_what_is_said_and_what_is_heard(board: Switchboard) -> None:
    client, operator = speaking(board, "PJSIP/mango", tone(440)), speaking(board, "PJSIP/1001", tone(880))
    bridge = board.create_bridge("basic")
    board.enter_bridge(bridge, client)
    board.enter_bridge(bridge, operator)
    board.tick += 1
    assert said_by(board, snoop(board, client, "in")) == tone(440)
    assert said_by(board, snoop(board, client, "out")) == tone(880)
    assert said_by(board, snoop(board, client, "both")) == mix([tone(440), tone(880)])


def test_media_hears_only_its_own_bridge(board: Switchboard) -> None:
    client = speaking(board, "PJSIP/mango", tone(440))
    board.tick += 1
    tap = snoop(board, client, "in")
    media = board.inner_channel("e", "UnicastRTP/x", "Up", Dialplan())
    assert block_for(board, media) is None
    bridge = board.create_bridge("stasis")
    board.enter_bridge(bridge, media)
    assert block_for(board, media) is None
    board.enter_bridge(bridge, tap)
    assert block_for(board, media) == tone(440)
    board.destroy(client, 16)
    assert block_for(board, media) is None


def test_a_telephone_that_sends_nothing_is_silence_to_the_tap(board: Switchboard) -> None:
    assert said_by(board, snoop(board, speaking(board, "PJSIP/mango", None), "in")) == SILENT_BLOCK


@pytest.mark.parametrize(
    ("app", "host", "audio_format", "status"),
    [
        ("", "127.0.0.1:4000", "alaw", 400),
        ("a", "", "alaw", 400),
        ("a", "127.0.0.1", "alaw", 400),
        ("a", "127.0.0.1:x", "alaw", 400),
        ("a", "127.0.0.1:4000", "", 400),
        ("a", "127.0.0.1:4000", "opus", 500),
    ],
)
def test_external_media_is_refused(board: Switchboard, app: str, host: str, audio_format: str, status: int) -> None:
    with pytest.raises(AriFault) as refused:
        check_external_media(board, app, host, audio_format, None)
    assert refused.value.status == status


def test_an_id_that_exists_is_a_500(board: Switchboard) -> None:
    client = speaking(board, "PJSIP/mango", b"")
    assert check_external_media(board, "a", "127.0.0.1:4000", "alaw", "new") == MediaTarget("127.0.0.1", 4000, "alaw")
    with pytest.raises(AriFault, match="500"):
        check_external_media(board, "a", "127.0.0.1:4000", "alaw", client.id)
    with pytest.raises(AriFault, match="500"):
        open_snoop(board, client.id, app="a", spy="in", whisper="none", snoop_id=client.id)
