"""One dialog of a test's telephone: what a person does with it, its RTP, and the signalling underneath."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from tests.lab import LabError
from tests.lab.sip import CallRefused, Message, bare, branch, content, tag_of, uri_of

BLOCK: Final = 160
RETRY_S: Final = 0.5
PATIENCE_S: Final = 20.0
KEYS: Final = "0123456789*#"
KEY_PACKETS: Final = 6  # a key is pressed for 120 ms; its last packet goes out three times (RFC 4733 §2.5.1.4)
ALLOW: Final = "INVITE, ACK, CANCEL, BYE, REFER, NOTIFY, OPTIONS, UPDATE"


class Wire(Protocol):
    """What a line needs of its telephone."""

    user: str

    @property
    def address(self) -> tuple[str, int]: ...

    def send(self, text: str) -> None: ...


@dataclass(eq=False)
class Line:
    """One dialog of a telephone. `ended` is set by the other side's BYE or CANCEL, and by our own."""

    telephone: Wire
    call_id: str
    called: str
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    remote_tag: str = ""
    remote_uri: str = ""
    target: str = ""
    notified: list[str] = field(default_factory=list)  # what REFER led to, as sipfrag start lines
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _cseq: int = 0
    _version: int = 0
    _invited: Message | None = None
    _answers: dict[int, asyncio.Future[Message]] = field(default_factory=dict)
    _sent: dict[tuple[int, str], str] = field(default_factory=dict)  # our answers, for requests that come twice
    _through: asyncio.Event = field(default_factory=asyncio.Event)
    _blocks: Callable[[], bytes] | None = None

    def __post_init__(self) -> None:
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind((self.telephone.address[0], 0))
        self._rtp.setblocking(False)
        self._rtp_target: tuple[str, int] | None = None
        self._sequence, self._stamp, self._ssrc = 0, 0, secrets.randbits(32)

    # what a person does

    def answer(self, audio: bytes) -> None:
        assert self._invited is not None
        self._respond(self._invited, "200 OK", self._sdp("sendrecv"))
        self.start_speaking(audio, self._invited)

    def refuse(self, status: str = "486 Busy Here") -> None:
        assert self._invited is not None
        self._respond(self._invited, status)

    def progress(self, audio: bytes) -> None:
        """Early media: what is heard before the answer, such as a provider's announcement."""
        assert self._invited is not None
        self._respond(self._invited, "183 Session Progress", self._sdp("sendrecv"))
        self.start_speaking(audio, self._invited)

    def send_elsewhere(self, target: str) -> None:
        """Not answered here: the caller is to try that SIP URI (the telephone is forwarded)."""
        assert self._invited is not None
        self._respond(self._invited, "302 Moved Temporarily", contact=target)

    async def press(self, keys: str) -> None:
        """Keys of the telephone, as RFC 4733 events."""
        speaking, self._blocks = self._blocks, None
        for key in keys:
            self._stamp += BLOCK
            for number in range(KEY_PACKETS):
                event = bytes([KEYS.index(key), 0x80 * (number >= KEY_PACKETS - 3) | 10])
                self._send_rtp(event + struct.pack("!H", BLOCK * (number + 1)), payload_type=101, mark=number == 0)
                await asyncio.sleep(0.02)
            self._stamp += BLOCK * KEY_PACKETS
            await asyncio.sleep(0.1)
        self._blocks = speaking

    def say(self, audio: bytes) -> None:
        """Play this from now on."""
        blocks = itertools.cycle([audio[at : at + BLOCK] for at in range(0, len(audio), BLOCK)])
        self._blocks = lambda: next(blocks)

    async def hold(self, music: bytes) -> None:
        """Hold the other side and play it music, as a company's own PBX does over its trunk."""
        await self.invite("sendonly")
        self.say(music)

    async def resume(self, audio: bytes) -> None:
        self.say(audio)
        await self.invite("sendrecv")

    async def transfer_to(self, other: Line) -> None:
        """Attended transfer (RFC 5589): connect this line's other side with the other line's; both lines end."""
        replaces = f"{other.call_id};to-tag={other.remote_tag};from-tag={other.tag}"
        quoted = replaces.replace(";", "%3B").replace("=", "%3D").replace("@", "%40")
        await self.refer(f"{bare(other.remote_uri)}?Replaces={quoted}")

    async def refer(self, target: str) -> None:
        """Transfer to a SIP URI, wait until that is through, and hang up."""
        await self._request("REFER", extra=f"Refer-To: <{target}>\r\n")
        async with asyncio.timeout(PATIENCE_S):
            await self._through.wait()
        await self.hang_up()

    async def hang_up(self) -> None:
        if not self.ended.is_set():
            self.drop()
            with contextlib.suppress(CallRefused):
                await self._request("BYE")

    def drop(self) -> None:
        """No more audio."""
        self.ended.set()
        self._blocks = None
        self._rtp.close()

    # RTP

    def start_speaking(self, audio: bytes, their_sdp: Message) -> None:
        self._aim(their_sdp)
        self.say(audio)

    def speak(self) -> None:
        if self._blocks is None or self._rtp_target is None or self.ended.is_set():
            return
        self._stamp += BLOCK
        self._send_rtp(self._blocks(), payload_type=8)

    def _send_rtp(self, payload: bytes, *, payload_type: int, mark: bool = False) -> None:
        self._sequence += 1
        stamp, second = self._stamp & 0xFFFFFFFF, payload_type | 0x80 * mark
        header = struct.pack("!BBHII", 0x80, second, self._sequence & 0xFFFF, stamp, self._ssrc)
        with contextlib.suppress(OSError):
            self._rtp.sendto(header + payload, self._rtp_target)

    def _aim(self, message: Message) -> None:
        host, port = re.search(r"^c=IN IP4 (\S+)", message.body, re.M), re.search(r"^m=audio (\d+)", message.body, re.M)
        if host and port:
            self._rtp_target = (host[1], int(port[1]))

    # signalling

    async def invite(self, direction: str = "sendrecv") -> Message:
        answer = await self._request("INVITE", body=self._sdp(direction))
        self._aim(answer)
        self._send_request("ACK", answer.cseq)
        return answer

    def ring(self, invite: Message) -> None:
        self._invited = invite
        self.remote_tag, self.remote_uri = tag_of(invite.header("from")), uri_of(invite.header("from"))
        self.target = uri_of(invite.header("contact"))
        self._respond(invite, "180 Ringing")

    def take(self, message: Message) -> None:
        if message.status:
            self._take_answer(message)
        elif (message.cseq, message.method) in self._sent:
            self.telephone.send(self._sent[message.cseq, message.method])
        else:
            self._take_request(message)

    def _take_answer(self, message: Message) -> None:
        waiting = self._answers.get(message.cseq)
        if message.status < 200:
            self.remote_tag = tag_of(message.header("to")) or self.remote_tag  # an early dialog
            return
        if message.status < 300 and message.method == "INVITE":
            self.remote_tag, self.target = tag_of(message.header("to")), uri_of(message.header("contact"))
        elif message.method == "INVITE":
            self.remote_tag = self.remote_tag or tag_of(message.header("to"))
            self._send_request("ACK", message.cseq)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _take_request(self, request: Message) -> None:
        match request.method:
            case "ACK":
                return
            case "INVITE" | "UPDATE":
                self._aim(request)
                self._respond(request, "200 OK", self._sdp("sendrecv") if request.body else "")
                return
            case "BYE":
                self.drop()
            case "CANCEL" if self._invited is not None:
                self._respond(self._invited, "487 Request Terminated")
                self.drop()
            case "NOTIFY":
                self.notified.append(request.body.strip())
                if request.header("subscription-state").startswith("terminated"):
                    self._through.set()
        self._respond(request, "200 OK")

    async def _request(self, method: str, *, body: str = "", extra: str = "") -> Message:
        """Send until answered; the final answer. CallRefused for 300 and above."""
        self._cseq += 1
        cseq = self._cseq
        answer = self._answers[cseq] = asyncio.get_running_loop().create_future()
        deadline = time.monotonic() + PATIENCE_S
        via = branch()
        while not answer.done():
            if time.monotonic() > deadline:
                raise LabError(f"{method} was not answered")
            self._send_request(method, cseq, body=body, extra=extra, branch_id=via)
            await asyncio.wait([answer], timeout=PATIENCE_S if method == "INVITE" else RETRY_S)
        message: Message = answer.result()
        if message.status >= 300:
            raise CallRefused(message.status)
        return message

    def _send_request(self, method: str, cseq: int, *, body: str = "", extra: str = "", branch_id: str = "") -> None:
        host, port = self.telephone.address
        to_tag = f";tag={self.remote_tag}" if self.remote_tag else ""
        self.telephone.send(
            f"{method} {self.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch={branch_id or branch()};rport\r\n"
            f"From: <sip:{self.telephone.user}@{host}:{port}>;tag={self.tag}\r\n"
            f"To: <{self.remote_uri}>{to_tag}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:{self.telephone.user}@{host}:{port}>\r\nMax-Forwards: 70\r\nAllow: {ALLOW}\r\n"
            f"Supported: replaces\r\n{extra}{content(body)}"
        )

    def _respond(self, request: Message, status: str, body: str = "", *, contact: str = "") -> None:
        host, port = self.telephone.address
        same = "".join(f"{k.title()}: {v}\r\n" for k, v in request.headers if k in ("via", "from", "call-id", "cseq"))
        to = request.header("to")
        text = (
            f"SIP/2.0 {status}\r\n{same}To: {to if tag_of(to) else f'{to};tag={self.tag}'}\r\n"
            f"Contact: <{contact or f'sip:{self.telephone.user}@{host}:{port}'}>\r\nAllow: {ALLOW}\r\n{content(body)}"
        )
        self._sent[request.cseq, request.method] = text
        self.telephone.send(text)

    def _sdp(self, direction: str) -> str:
        self._version += 1
        host, port = self._rtp.getsockname()
        return (
            f"v=0\r\no=lab 1 {self._version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            f"a=ptime:20\r\na={direction}\r\n"
        )
