"""What the composition root makes for the calls' audio: how it is tapped, received and heard."""

from __future__ import annotations

from ari_bridge.asterisk.client import AriClient
from ari_bridge.asterisk.media_socket import MediaSockets
from ari_bridge.asterisk.route import Router
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.calls.tapping import Telephony
from ari_bridge.calls.voice import VoiceParts
from ari_bridge.interfaces import AudioSink, SpeechToText
from ari_bridge.settings import MediaSettings, Settings
from ari_bridge.switches import Service, switch
from media.receiver import Receiver


def make_receiver(media: MediaSettings) -> Receiver:
    first, last = media.port_range[0], media.port_range[-1]
    return Receiver(media.host, range(first, last + 1), frame_ms=media.frame_ms, slice_ms=media.slice_ms)


def make_tapper(settings: Settings, ari: AriClient, sockets: MediaSockets) -> Tapper:
    media = settings.media
    return Tapper(
        ari,
        settings.ari.app,
        settings.ari.request_timeout_s,
        router=Router(media.transport, settings.ari.url, media.host),
        sockets=sockets,
        bandwidth=media.bandwidth,
    )


def make_voice_parts(
    settings: Settings, telephony: Telephony, receiver: Receiver, speech: SpeechToText, tape: AudioSink | None
) -> VoiceParts:
    return VoiceParts(
        telephony=telephony,
        receiver=receiver,
        speech=speech,
        media_host=settings.media.host,
        preroll_ms=settings.media.preroll_ms,
        drain_timeout_s=settings.soniox.drain_timeout_s,
        tape=tape,
        open_at_ring=settings.soniox.open_at == "ring",
        switches=tuple(switch(map(Service, s.off), s.trunks, s.numbers, s.operators) for s in settings.policy.switches),
    )
