from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from structlog.testing import capture_logs

from ari_bridge import events
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.calls.account import Ending
from ari_bridge.calls.live import EXPECTED_AT_MOST
from ari_bridge.demo.pbx_faults import Fault
from ari_bridge.demo.pbx_model import Bridge, CallerId, Channel, Dialplan
from ari_bridge.events import CallEnded, CallStarted, CallStatus, CallUpdated, Leg, LegState, Transcript
from tests.calls.office import CLIENT_SAYS, OPERATOR_SAYS, NotingSpeech, Office, office, said_by

OTHER_SAYS = bytes([0x15, 0x25, 0x35, 0x45]) * 20_000


@dataclass
class Hand:
    """Plays a PBX by hand: each step's events go out before the next one."""

    it: Office
    channels: list[Channel] = field(default_factory=list)

    async def do(self, *actions: Callable[[], object]) -> None:
        for action in actions:
            done = asyncio.Event()

            def step(action: Callable[[], object] = action, done: asyncio.Event = done) -> None:
                action()
                done.set()

            self.it.pbx.soon(step)
            await done.wait()

    async def line(self, endpoint: str, state: str, caller: str = "", says: bytes = OPERATOR_SAYS) -> Channel:
        made: list[Channel] = []
        board = self.it.pbx.board
        dialplan = Dialplan("from-mango", "74950000001")
        await self.do(
            lambda: made.append(board.line(f"PJSIP/{endpoint}", state, dialplan, CallerId("", caller), None)),
            lambda: board.speak(made[0], says),
        )
        return made[0]

    async def client(self, number: str = "79001234567", says: bytes = CLIENT_SAYS) -> Channel:
        return await self.line("mango", "Ring", number, says)

    async def ring(self, client: Channel, *extensions: str, says: bytes = OPERATOR_SAYS) -> list[Channel]:
        rung = []
        for extension in extensions:
            peer = await self.line(extension, "Down", says=says)
            await self.do(
                lambda peer=peer, extension=extension: self.it.pbx.board.dial(peer, "", client, extension),  # type: ignore[misc]
                lambda peer=peer: self.it.pbx.board.dial(peer, "RINGING", client),  # type: ignore[misc]
            )
            rung.append(peer)
        return rung

    async def bridge(self, *channels: Channel) -> Bridge:
        board, made = self.it.pbx.board, []
        await self.do(lambda: made.append(board.create_bridge("basic")))
        for channel in channels:
            await self.do(lambda channel=channel: board.set_state(channel, "Up"))  # type: ignore[misc]
            await self.do(lambda channel=channel: board.enter_bridge(made[0], channel))  # type: ignore[misc]
        bridge: Bridge = made[0]
        return bridge

    async def leave(self, *channels: Channel) -> None:
        for channel in channels:
            await self.do(lambda channel=channel: self.it.pbx.board.leave_bridge(channel))  # type: ignore[misc]

    async def destroy(self, *channels: Channel) -> None:
        for channel in channels:
            await self.do(lambda channel=channel: self.it.pbx.board.destroy(channel, 16))  # type: ignore[misc]

    async def hold(self, channel: Channel, *, held: bool) -> None:
        await self.do(lambda: self.it.pbx.board.news.channel(channel, "ChannelHold" if held else "ChannelUnhold"))

    async def connected(self, extension: str = "1001") -> tuple[Channel, Channel]:
        """A client and an operator who speak, both heard."""
        client = await self.client()
        [operator] = await self.ring(client, extension)
        await self.bridge(operator, client)
        await self.until_heard(Leg.CLIENT)
        await self.until_heard(Leg.OPERATOR)
        return client, operator

    async def until_heard(self, leg: Leg, what: bytes = b"") -> None:
        wanted = len(said_by(self.it.speech.of(leg))) + 2400
        await self.it.until(lambda: len(said_by(self.it.speech.of(leg))) >= wanted)
        await self.it.until(lambda: what in said_by(self.it.speech.of(leg)))


@asynccontextmanager
async def by_hand(**members: object) -> AsyncIterator[Hand]:
    async with office(**members) as it:  # type: ignore[arg-type]
        yield Hand(it)


def legs(event: CallStarted | CallUpdated) -> dict[str, LegState]:
    return {leg.value: status.state for leg, status in event.call.legs.items()}


async def test_the_zero_is_the_first_audio_that_is_heard() -> None:
    async with by_hand() as pbx:
        client = await pbx.client()
        [operator] = await pbx.ring(client, "1001")
        await asyncio.sleep(0.5)
        assert pbx.it.speech.streams == [], "while it rings nothing is recognised"
        await pbx.bridge(operator, client)
        await pbx.until_heard(Leg.CLIENT)
        await pbx.until_heard(Leg.OPERATOR)
        starts = [stream.starts[0] for stream in pbx.it.speech.streams]
        assert min(starts) == 0
        assert max(starts) < 800, "who was rung is heard from his answer on, half a second later"
        call = pbx.it.of(CallUpdated)[-1].call
        assert call.zero_at is not None
        assert call.answered_at is not None
        assert (call.answered_at - call.zero_at).total_seconds() > 0.2, "what was said before the news of the answer"


async def test_the_legs_states_are_told() -> None:
    async with by_hand() as pbx:
        client, _ = await pbx.connected()
        assert legs(pbx.it.of(CallStarted)[0]) == {"client": LegState.CONNECTING, "operator": LegState.CONNECTING}
        await pbx.it.until(lambda: set(legs(pbx.it.of(CallUpdated)[-1]).values()) == {LegState.LIVE})
        await pbx.it.until(lambda: pbx.it.of(events.Level))
        level = pbx.it.of(events.Level)[-1]
        assert 0 < level.client <= 1
        await pbx.destroy(client)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        assert set(legs(pbx.it.of(CallUpdated)[-1]).values()) == {LegState.CLOSED}


async def test_of_many_that_ring_a_few_are_tapped_and_whoever_answers_is_heard() -> None:
    extensions = [str(1001 + n) for n in range(EXPECTED_AT_MOST + 2)]
    async with by_hand() as pbx:
        client = await pbx.client()
        rung = await pbx.ring(client, *extensions)
        await pbx.it.until(lambda: len(pbx.it.supervisor.tapped_channels()) == EXPECTED_AT_MOST + 1)
        await pbx.bridge(rung[-1], client)
        await pbx.destroy(*rung[:-1])
        await pbx.until_heard(Leg.OPERATOR)
        await pbx.it.until(lambda: pbx.it.supervisor.tapped_channels() == {client.id, rung[-1].id})
        assert pbx.it.of(CallUpdated)[-1].call.operator == extensions[-1]
        await pbx.destroy(client, rung[-1])
        await pbx.it.until_clean()


async def test_a_transfer_keeps_the_clients_leg_and_numbers_the_operators_lines_on() -> None:
    async with by_hand() as pbx:
        client, anna = await pbx.connected()
        stream = pbx.it.speech.of(Leg.CLIENT)[0]
        await pbx.leave(client, anna)
        await pbx.destroy(anna)
        [olga] = await pbx.ring(client, "1002", says=OTHER_SAYS)
        await pbx.bridge(olga, client)
        await pbx.until_heard(Leg.OPERATOR, OTHER_SAYS[:160])
        assert pbx.it.speech.of(Leg.CLIENT) == [stream], "never torn down by a transfer"
        first, second = pbx.it.speech.of(Leg.OPERATOR)
        assert second.spec.operator_name == "1002"
        assert second.starts[0] > first.starts[-1], "one time line"
        await pbx.it.until(lambda: first.finished)
        await pbx.destroy(olga, client)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        assert [line.utterance for line in pbx.it.of(Transcript) if line.leg is Leg.OPERATOR] == [1, 2]
        assert pbx.it.statuses() == ["ringing", "answered", "ringing", "answered", "ended"]
        await pbx.it.until_clean()


async def test_who_comes_back_within_a_moment_keeps_his_tap() -> None:
    async with by_hand() as pbx:
        client, anna = await pbx.connected()
        taps = set(pbx.it.ours())
        await pbx.leave(client, anna)
        await pbx.bridge(anna, client)
        await pbx.until_heard(Leg.OPERATOR)
        assert set(pbx.it.ours()) == taps
        assert len(pbx.it.speech.streams) == 2


async def test_who_stays_away_is_not_tapped_any_longer() -> None:
    async with by_hand() as pbx:
        client, anna = await pbx.connected()
        await pbx.leave(client, anna)
        await pbx.it.until(lambda: pbx.it.supervisor.tapped_channels() == {client.id})
        assert len(pbx.it.ours()) == 3
        await pbx.bridge(anna, client)
        await pbx.until_heard(Leg.OPERATOR)
        assert len(pbx.it.speech.of(Leg.OPERATOR)) == 2


async def test_a_client_who_is_left_alone_is_held_and_nobodys_once_the_operator_is_gone() -> None:
    async with by_hand() as pbx:
        client, anna = await pbx.connected()
        await pbx.leave(client, anna)

        def last() -> tuple[str, str | None]:
            call = pbx.it.of(CallUpdated)[-1].call
            return call.status.value, call.operator

        await pbx.it.until(lambda: last() == ("held", "1001"))
        await pbx.destroy(anna)
        await pbx.it.until(lambda: last() == ("held", None))
        [olga] = await pbx.ring(client, "1002")
        await pbx.bridge(olga, client)
        await pbx.it.until(lambda: last() == ("answered", "1002"))
        await pbx.destroy(client, olga)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        assert pbx.it.statuses() == ["ringing", "answered", "held", "ringing", "answered", "ended"]


async def test_what_a_provider_plays_before_the_answer_is_not_heard() -> None:
    async with by_hand() as pbx:
        anna = await pbx.line("1001", "Ring")
        client = await pbx.line("mango", "Down", says=OTHER_SAYS)
        board = pbx.it.pbx.board
        await pbx.do(lambda: board.dial(client, "", anna, "89001234567@mango"))
        await pbx.do(lambda: board.dial(client, "PROGRESS", anna))
        await pbx.it.until(lambda: len(pbx.it.ours()) == 6)
        await asyncio.sleep(0.5)  # some of the announcement is kept
        await pbx.do(lambda: board.speak(client, CLIENT_SAYS), lambda: board.set_state(client, "Up"))
        await pbx.bridge(anna, client)
        await pbx.until_heard(Leg.CLIENT, CLIENT_SAYS[:160])
        [stream] = pbx.it.speech.of(Leg.CLIENT)
        assert sum(code in OTHER_SAYS for code in stream.audio) <= 8 * 250, "what was on its way at most"
        assert pbx.it.of(CallStarted)[0].call.direction == "outbound"


async def test_music_of_the_other_sides_pbx_is_not_heard() -> None:
    async with by_hand() as pbx:
        client, _ = await pbx.connected()
        await pbx.hold(client, held=True)
        await pbx.it.until(lambda: pbx.it.statuses()[-1] == "held")
        await pbx.do(lambda: pbx.it.pbx.board.speak(client, OTHER_SAYS))
        await asyncio.sleep(0.5)
        await pbx.until_heard(Leg.OPERATOR)
        await pbx.do(lambda: pbx.it.pbx.board.speak(client, CLIENT_SAYS))
        await asyncio.sleep(0.2)
        await pbx.hold(client, held=False)
        await pbx.until_heard(Leg.CLIENT)
        assert not set(OTHER_SAYS) & set(said_by(pbx.it.speech.of(Leg.CLIENT)))
        assert pbx.it.statuses() == ["ringing", "answered", "held", "answered"]


async def test_who_comes_back_while_his_tap_is_being_removed_is_tapped_anew_and_not_swept() -> None:
    async with by_hand(recheck_s=0.1) as pbx:
        client, anna = await pbx.connected()
        pbx.it.pbx.faults.add(Fault(delay_s=0.7, method="DELETE", times=3))
        await pbx.leave(client, anna)
        await pbx.it.until(lambda: any(request.method == "DELETE" for request in pbx.it.pbx.faults.requests))
        await pbx.bridge(anna, client)
        await pbx.until_heard(Leg.OPERATOR)
        deletions = [request.path for request in pbx.it.pbx.faults.requests if request.method == "DELETE"]
        await asyncio.sleep(0.5)
        assert [r.path for r in pbx.it.pbx.faults.requests if r.method == "DELETE"] == deletions
        assert pbx.it.supervisor.tapped_channels() == {client.id, anna.id}


async def test_the_last_words_of_who_left_before_come_before_the_end() -> None:
    async with by_hand(speech=NotingSpeech(last_word_s=0.7)) as pbx:
        client, anna = await pbx.connected()
        await pbx.leave(anna)
        await pbx.destroy(anna)
        await pbx.it.until(lambda: pbx.it.speech.of(Leg.OPERATOR)[0].finishing)
        pbx.it.speech.last_word_s = 0.0
        await pbx.destroy(client)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        assert {line.leg for line in pbx.it.of(Transcript)} == set(Leg)
        assert isinstance(pbx.it.published[-1], CallEnded)


async def test_a_recogniser_that_fails_at_the_end_does_not_hide_the_end() -> None:
    async with by_hand(speech=NotingSpeech(finish_fails=True)) as pbx:
        client, anna = await pbx.connected()
        await pbx.destroy(anna)
        await asyncio.sleep(0.5)
        assert pbx.it.of(CallEnded) == []
        await pbx.destroy(client)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        await pbx.it.until_clean()


class _Telephony:
    """A tapper with one thing changed: a fault on one channel, or a codec that is found out at the answer."""

    def __init__(self, tapper: Tapper) -> None:
        self._tapper = tapper
        self.first_packet_s = tapper.first_packet_s
        self.fails_first = False
        self.format = "alaw"
        self.create_media = tapper.create_media
        self.join = tapper.join
        self.release = tapper.release
        self.received_packets = tapper.received_packets
        self.is_replaced = tapper.is_replaced

    async def format_of(self, channel_id: str) -> str:
        await self._tapper.format_of(channel_id)
        return self.format

    async def create_snoop(self, channel_id: str) -> None:
        if self.fails_first:
            self.fails_first = False
            raise RuntimeError("a programming fault")
        await self._tapper.create_snoop(channel_id)


async def test_a_fault_of_ours_in_one_leg_ends_that_leg_alone() -> None:
    made: list[_Telephony] = []

    def telephony(tapper: Tapper) -> _Telephony:
        made.append(_Telephony(tapper))
        return made[0]

    async with by_hand(telephony=telephony) as pbx:
        made[0].fails_first = True
        client = await pbx.client()
        [anna] = await pbx.ring(client, "1001")
        await pbx.bridge(anna, client)
        await pbx.until_heard(Leg.OPERATOR)
        status = pbx.it.of(CallUpdated)[-1].call.legs[Leg.CLIENT]
        assert status.state is LegState.NO_AUDIO
        assert "внутренняя ошибка" in (status.reason or "")
        await pbx.destroy(anna, client)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        await pbx.it.until_clean()


async def test_a_wide_codec_that_is_agreed_at_the_answer_is_tapped_as_such() -> None:
    made: list[_Telephony] = []

    def telephony(tapper: Tapper) -> _Telephony:
        made.append(_Telephony(tapper))
        return made[0]

    async with by_hand(telephony=telephony) as pbx:
        client = await pbx.client()
        [anna] = await pbx.ring(client, "1001")
        await pbx.it.until(lambda: len(pbx.it.ours()) == 6)
        await asyncio.sleep(0.3)
        made[0].format = "slin16"
        await pbx.bridge(anna, client)
        await pbx.it.until(lambda: {s.spec.sample_rate for s in pbx.it.speech.streams[-2:]} == {16_000})
        await pbx.until_heard(Leg.CLIENT)
        narrow = [stream for stream in pbx.it.speech.streams if stream.spec.sample_rate == 8_000]
        await pbx.it.until(lambda: all(stream.finished for stream in narrow))
        assert not any(LegState.NO_AUDIO in legs(event).values() for event in pbx.it.of(CallUpdated))


async def test_a_telephone_that_sends_nothing_is_told_of_within_seconds() -> None:
    async with office() as it:
        with capture_logs() as log:
            await it.talk(operator_audio=None)
            await it.until(lambda: legs(it.of(CallUpdated)[-1])["operator"] is LegState.NO_AUDIO, 6)
        assert legs(it.of(CallUpdated)[-1])["client"] is LegState.LIVE
        [line] = [line for line in log if line["event"] == "leg_health"]
        assert (line["leg"], line["state"], line["log_level"]) == ("operator", "no_audio", "warning")
        assert "телефон" in line["reason"]


async def test_a_call_that_is_over_at_once_has_its_beginning_and_its_end() -> None:
    async with by_hand() as pbx:
        board = pbx.it.pbx.board

        def flash() -> None:
            dialplan, caller = Dialplan("from-mango", "7"), CallerId("", "79001234567")
            board.destroy(board.line("PJSIP/mango", "Ring", dialplan, caller, None), 16)

        await pbx.do(flash)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        assert pbx.it.statuses() == ["ringing", "ended"]
        assert [type(event) for event in pbx.it.published] == [CallStarted, CallUpdated, CallEnded]
        await pbx.it.until_clean()


async def test_a_clock_that_is_set_during_a_call_does_not_change_its_length() -> None:
    async with by_hand() as pbx:
        await pbx.connected()
        [live] = vars(pbx.it.supervisor)["_calls"].values()
        conversation = vars(live)["_conversation"]
        an_hour_ago = conversation.call.answered_at - timedelta(hours=1)
        ended = replace(conversation, call=replace(conversation.call, status=CallStatus.ENDED), operators=())
        live.close(ended, Ending(16, "Клиент положил трубку", an_hour_ago))
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        assert 0 < pbx.it.of(CallEnded)[0].duration_ms < 10_000


async def test_a_call_merged_into_an_older_one_hands_its_channel_over() -> None:
    """Both calls want the outside party's channel, one after the other, under the same ids; no sweep takes it."""
    async with by_hand(recheck_s=0.1) as pbx:
        client, anna = await pbx.connected()
        second_line = await pbx.line("1001", "Up")
        outside = await pbx.line("mango", "Down", says=OTHER_SAYS)
        await pbx.do(lambda: pbx.it.pbx.board.dial(outside, "", second_line, "89005554433@mango"))
        consultation = await pbx.bridge(outside, second_line)
        await pbx.it.until(lambda: len(pbx.it.speech.streams) == 4)
        await pbx.leave(anna, client, second_line)
        await pbx.do(lambda: pbx.it.pbx.board.enter_bridge(consultation, client))
        await pbx.destroy(anna, second_line)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        await pbx.until_heard(Leg.OPERATOR, OTHER_SAYS[:160])
        await asyncio.sleep(0.8)
        before = len(pbx.it.speech.streams)
        await pbx.until_heard(Leg.OPERATOR)
        assert len(pbx.it.speech.streams) == before, "it is not tapped again and again"
        assert pbx.it.supervisor.tapped_channels() == {client.id, outside.id}
        [live] = pbx.it.supervisor.live_calls()
        assert (live.client_number, live.operator) == ("+79001234567", "+79005554433")
        await pbx.destroy(outside, client)
        await pbx.it.until_clean()


async def test_the_end_is_told_also_while_asterisk_removes_nothing() -> None:
    async with by_hand() as pbx:
        client, anna = await pbx.connected()
        pbx.it.pbx.faults.add(Fault(delay_s=5, method="DELETE", times=4))
        await pbx.destroy(anna, client)
        await pbx.it.until(lambda: pbx.it.of(CallEnded), 1.5)
        await pbx.it.until_clean(10)


async def test_a_call_that_failed_still_has_an_end() -> None:
    """Its task is through when the client hangs up."""

    def fail(event: events.Event) -> None:
        if isinstance(event, CallStarted):
            raise RuntimeError("a programming fault")

    async with by_hand(publish=fail) as pbx:
        client = await pbx.client()
        [operator] = await pbx.ring(client, "1001")
        await pbx.bridge(operator, client)
        await pbx.destroy(operator, client)
        await pbx.it.until(lambda: pbx.it.of(CallEnded))
        assert len(pbx.it.of(CallEnded)) == 1
        await pbx.it.until_clean()


async def test_a_calls_frames_are_counted_while_it_lasts_and_kept_at_its_end() -> None:
    async with office() as it:
        call = await it.talk()
        [live] = it.supervisor.live_calls()
        heard = await it.until(lambda: [f for f in it.supervisor.frames(live.id) if f.duration_ms >= 300])
        assert {frame.number for frame in heard} == {0}
        assert all(frame.loudness_dbfs > -60 for frame in heard)
        counter = iter(range(10_000))
        it.pbx.rtp.impair = lambda packet: () if next(counter) < 10 else (packet,)
        [gap, *_] = await it.until(lambda: it.of(events.Gap))
        assert (gap.frames, gap.reason) == ((0,), "потеряны пакеты RTP")
        call.hang_up()
        await it.until(lambda: it.of(CallEnded))
        [kept] = it.frames
        assert kept.call_id == live.id
        assert {frame.leg for frame in kept.frames} == set(Leg)
        assert sum(frame.lost_ms for frame in kept.frames) == sum(g.end_ms - g.start_ms for g in it.of(events.Gap))
        await it.until_clean()
        assert it.supervisor.frames(live.id) == ()
