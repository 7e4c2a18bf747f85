"""The rooms `asterisk` and `calls` at work before a virtual PBX, with a recogniser that notes what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ari_bridge import events
from ari_bridge.asterisk.client import AriClient
from ari_bridge.asterisk.listener import Listener
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.calls.supervisor import Supervisor
from ari_bridge.calls.tapping import Telephony
from ari_bridge.calls.voice import VoiceParts
from ari_bridge.demo.pbx import CallScript, VirtualCall, VirtualPbx
from ari_bridge.events import Component, ComponentState, ComponentStatus, Event, LegState
from ari_bridge.history import CallFrames
from ari_bridge.interfaces import SpeechListener, SpeechSpec, Utterance
from ari_bridge.settings import AriSettings
from media.receiver import Receiver

_Event = TypeVar("_Event")

CLIENT_SAYS = bytes([0x10, 0x20, 0x30, 0x40]) * 20_000
OPERATOR_SAYS = bytes([0x90, 0xA0, 0xB0, 0xC0]) * 20_000
"""Ten seconds of sound that is nothing but itself: A-law codes of the one are none of the other's."""


@dataclass
class NotedStream:
    """What one stream was fed; its only utterance is told at its end, `last_word_s` after it was asked to finish."""

    spec: SpeechSpec
    listener: SpeechListener
    speech: NotingSpeech
    audio: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)
    finishing: bool = False
    finished: bool = False

    def feed(self, audio: bytes, start_ms: int) -> None:
        if self.speech.feed_fails:
            raise RuntimeError("the recogniser has a fault")
        if not self.starts:
            self.listener.on_speech_state(LegState.LIVE, None)
        self.starts.append(start_ms)
        self.audio += audio

    async def finish(self, timeout_s: float) -> None:
        self.finishing = True
        await asyncio.sleep(self.speech.last_word_s)
        if self.speech.finish_fails:
            raise RuntimeError("the recogniser has a fault")
        self.finished = True
        self.listener.on_utterance(Utterance(1, f"{len(self.audio)} bytes", "", True, self.starts[0], self.starts[-1]))

    async def abort(self) -> None:
        self.finished = True


@dataclass
class NotingSpeech:
    """A `SpeechToText`."""

    streams: list[NotedStream] = field(default_factory=list)
    last_word_s: float = 0.0
    open_fails: bool = False
    feed_fails: bool = False
    finish_fails: bool = False

    def open(self, spec: SpeechSpec, listener: SpeechListener) -> NotedStream:
        if self.open_fails:
            raise RuntimeError("the recogniser has a fault")
        self.streams.append(NotedStream(spec, listener, self))
        return self.streams[-1]

    async def serve(self) -> None:
        await asyncio.Event().wait()

    def of(self, leg: events.Leg) -> list[NotedStream]:
        return [stream for stream in self.streams if stream.spec.leg is leg]


@dataclass
class Office:
    pbx: VirtualPbx
    client: AriClient
    tapper: Tapper
    listener: Listener
    receiver: Receiver
    supervisor: Supervisor
    speech: NotingSpeech
    published: list[Event]
    restored: list[Event]
    frames: list[CallFrames]
    running: list[asyncio.Task[None]]
    line_up: Callable[[], bool]

    async def until(self, condition: Callable[[], Any], timeout_s: float = 5.0) -> Any:
        """Until `condition` holds; its value."""
        async with asyncio.timeout(timeout_s):
            while not (value := condition()):
                await asyncio.sleep(0.01)
        return value

    def of(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.published if isinstance(event, kind)]

    def statuses(self, call_id: str | None = None) -> list[str]:
        """A call's statuses as they were told, repeats left out."""
        told: list[str] = []
        for event in self.published:
            if isinstance(event, events.CallStarted | events.CallUpdated) and call_id in (None, event.call_id):
                told += [event.call.status.value] if told[-1:] != [event.call.status.value] else []
        return told

    async def talk(self, **script: Any) -> VirtualCall:
        """A call whose both legs are being recognised."""
        members = {"client": "79001234567", "ring_s": 0.05, "talk_s": 10.0}
        sounds = {"client_audio": CLIENT_SAYS, "operator_audio": OPERATOR_SAYS}
        before = len(self.speech.streams)
        call = self.pbx.call(CallScript(**{**members, **sounds, **script}))
        await self.until(lambda: len(self.speech.streams) >= before + 2)
        return call

    def ours(self) -> list[str]:
        """What of ours stands in Asterisk."""
        return [one for one in self.pbx.holdings() if one.startswith("ari_bridge-")]

    async def until_clean(self, timeout_s: float = 5.0) -> None:
        await self.until(lambda: not self.ours() and not self.supervisor.tapped_channels(), timeout_s)


def free_ports() -> range:
    """A few of the ports that nobody is given by chance: below Linux's ephemeral ones, and below the laboratory's
    (`tests.lab.ports`), which may be at work in another process. A taken one is stepped over."""
    return range(7_000, 8_000)


@asynccontextmanager
async def office(
    *,
    trunks: tuple[str, ...] = ("PJSIP/mango",),
    speech: NotingSpeech | None = None,
    telephony: Callable[[Tapper], Telephony] = lambda tapper: tapper,
    publish: Callable[[Event], None] | None = None,
    pbx: VirtualPbx | None = None,
    recheck_s: float = 0.2,
    remember: Callable[[Supervisor], None] = lambda supervisor: None,
    media_host: str = "127.0.0.1",
    ports: range | None = None,
) -> AsyncIterator[Office]:
    """All tasks must still run when the block ends. `telephony` may stand between the taps and the tapper."""
    async with pbx or VirtualPbx() as virtual:
        raw = {"url": virtual.url, "username": "ari_bridge", "password": "demo", "trunks": trunks}
        settings = AriSettings.model_validate(raw | {"request_timeout_s": 1.0, "reconnect_max_s": 0.3})
        client = AriClient(settings)
        tapper = Tapper(client, settings.app, 1.0)
        receiver = Receiver(media_host, ports or free_ports(), frame_ms=3000, slice_ms=100)
        noting = speech or NotingSpeech()
        published: list[Event] = []
        restored: list[Event] = []
        frames: list[CallFrames] = []
        states: list[ComponentStatus] = []

        def tell(event: Event) -> None:
            published.append(event)
            if publish is not None:
                publish(event)

        def report(component: Component, status: ComponentStatus) -> None:
            states.append(status)

        supervisor = Supervisor(
            app=settings.app,
            trunks=trunks,
            parts=VoiceParts(
                telephony=telephony(tapper),
                receiver=receiver,
                speech=noting,
                media_host=media_host,
                preroll_ms=1000,
                drain_timeout_s=1.0,
            ),
            publish=tell,
            restore=restored.append,
            keep_frames=frames.append,
            connected=lambda: listener.connected,
        )
        remember(supervisor)
        listener = Listener(
            settings=settings,
            client=client,
            tapper=tapper,
            deliver=supervisor.deliver,
            report=report,
            tapped_channels=supervisor.tapped_channels,
            recheck_s=recheck_s,
        )
        running = [
            asyncio.create_task(receiver.run(), name="receiver"),
            asyncio.create_task(supervisor.run(), name="supervisor"),
            asyncio.create_task(listener.run(), name="listener"),
        ]

        def line_up() -> bool:
            return bool(states) and states[-1].state is ComponentState.UP

        made = Office(
            virtual,
            client,
            tapper,
            listener,
            receiver,
            supervisor,
            noting,
            published,
            restored,
            frames,
            running,
            line_up,
        )
        try:
            await made.until(line_up)
            yield made
            for task in running:
                assert not task.done(), task.exception()
        finally:
            for task in reversed(running):
                task.cancel()
            await asyncio.wait(running)
            receiver.close()
            await client.close()


def said_by(noted: Iterator[NotedStream] | list[NotedStream]) -> bytes:
    """All audio of these streams."""
    return b"".join(bytes(stream.audio) for stream in noted)
