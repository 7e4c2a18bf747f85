"""What happens in a call, step by step, as the dialplan and the telephones would have it. Pure.

A call is a generator: it changes the switchboard, yields what it waits for, and is sent what came of it. The shell
(`pbx_calls`) does the waiting, so a test needs no clock. The order of events follows traces of real calls.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from ari_bridge.demo.pbx_model import CallerId, Channel, Dialplan
from ari_bridge.demo.pbx_script import CallScript, HangUp, Notice, Side, Signal, Steps, Unanswered, Wait, Way
from ari_bridge.demo.pbx_switch import OUTGOING_LINE, SOFT_HANGUP, Switchboard

DIAL_VARIABLES: Final = ("DIALSTATUS", "DIALEDPEERNUMBER", "DIALEDPEERNAME", "ANSWEREDTIME", "DIALEDTIME", "RINGTIME")
SIP_BUSY: Final = 486
SIP_CANCELLED: Final = 487
ENDS: Final = {
    Unanswered.NO_ANSWER: ((16, None), (0, None)),
    Unanswered.BUSY: ((17, SIP_BUSY), (17, SIP_BUSY)),
    Unanswered.CANCEL: ((127, SIP_CANCELLED), (127, 500)),
}
"""Cause and SIP code of ChannelDestroyed, of the caller and of whom it dialled, when nobody answered."""


@dataclass(slots=True)
class Stage:
    """A call in progress: its channels as far as they exist. `peers` are by dialled string."""

    script: CallScript
    trunk: str
    caller: Channel
    peers: dict[str, Channel] = field(default_factory=dict)
    connected: Channel | None = None

    @property
    def client(self) -> Channel | None:
        return self.connected if self.script.outbound else self.caller

    @property
    def operator(self) -> Channel | None:
        return self.caller if self.script.outbound else self.connected

    def channels(self) -> list[Channel]:
        return [self.caller, *self.peers.values()]


def begin(board: Switchboard, trunk: str, script: CallScript) -> Stage:
    """The first channel appears: the trunk's, or for an outbound call the operator's."""
    if script.outbound:
        dialplan, caller = Dialplan("from-operators", script.client), CallerId(script.operator, script.operator)
        return Stage(script, trunk, board.line(f"PJSIP/{script.operator}", "Ring", dialplan, caller, None))
    dialplan, caller = Dialplan(_context(trunk), script.did), CallerId(script.client_name, script.client)
    return Stage(script, trunk, board.line(trunk, "Ring", dialplan, caller, None))


def play(board: Switchboard, stage: Stage) -> Steps:
    """The call from there to its end."""
    script, caller = stage.script, stage.caller
    noticed = script.way is Way.NOTICE
    if noticed:
        yield Notice("start", {"caller": caller.caller.number, "id": caller.id})
    if script.way is Way.STASIS and board.enter_stasis(caller, script.app, script.args):
        signal = yield Wait(None)
        if isinstance(signal, HangUp):
            board.hangup_requested(caller, _requested(signal), soft=signal.soft)
            board.destroy(caller, signal.cause)
            return
    caller.dialplan.priority += script.way is not Way.PASSIVE
    _dial(board, stage)
    hang_up = yield from _ring(board, stage)
    if hang_up is None and script.unanswered is None:
        _answer(board, stage)
        signal = yield Wait(script.talking_s)
        hang_up = signal if isinstance(signal, HangUp) else HangUp(_hanging_up(stage).id, script.cause)
        _part(board, stage, hang_up)
    else:
        _give_up(board, stage, hang_up)
    caller.dialplan.exten, caller.dialplan.priority = "h", 1
    board.run_app(caller, "ExecIf", f"{int(noticed)}?Gosub(notice,end,1)")
    if noticed:  # the caller's channel lives until the notice is answered or given up
        yield Notice("end", {"id": caller.id})
    _clear(board, stage, hang_up)


def _dial(board: Switchboard, stage: Stage) -> None:
    """Dial(): a channel for each target, all ringing."""
    caller, script = stage.caller, stage.script
    targets = {extension: f"PJSIP/{extension}" for extension in script.ringing}
    if script.outbound:
        targets = {f"{script.client}@{stage.trunk.partition('/')[2]}": stage.trunk}
    board.run_app(caller, "Dial", "&".join(f"PJSIP/{dialled}" for dialled in targets) + ",60")
    for variable in DIAL_VARIABLES:
        board.set_variable(caller, variable, "")
    for dialled, endpoint in targets.items():
        stage.peers[dialled] = _new_peer(board, caller, endpoint, dialled)
    for dialled, peer in stage.peers.items():
        board.dial(peer, "", caller, dialled)
    if len(targets) == 1:
        _connect_caller(board, caller)
    for peer in stage.peers.values():
        board.set_state(peer, "Ringing")
        board.dial(peer, "RINGING", caller)


def _new_peer(board: Switchboard, caller: Channel, endpoint: str, dialled: str) -> Channel:
    peer = board.line(endpoint, "Down", Dialplan(_context(endpoint), "s"), CallerId(), caller.linkedid)
    peer.caller, peer.connected = CallerId("", caller.dialplan.exten), caller.caller
    peer.dialplan.exten = caller.dialplan.exten
    board.set_variable(peer, "DIALEDPEERNUMBER", dialled)
    board.run_app(peer, "AppDial", OUTGOING_LINE)
    board.news.channel(
        peer, "ChannelCallerId", caller_presentation=0, caller_presentation_txt="Presentation Allowed, Not Screened"
    )
    board.news.channel(peer, "ChannelConnectedLine")
    return peer


def _connect_caller(board: Switchboard, caller: Channel) -> None:
    caller.connected = CallerId("", caller.dialplan.exten)
    board.news.channel(caller, "ChannelConnectedLine")


def _ring(board: Switchboard, stage: Stage) -> Generator[Wait, Signal, HangUp | None]:
    """Until the time to answer has come: None; or until the caller or the last of the dialled hangs up."""
    while True:
        signal = yield Wait(stage.script.ring_s)
        if not isinstance(signal, HangUp):
            return None
        gone = [dialled for dialled, peer in stage.peers.items() if peer.id == signal.channel_id]
        if not gone or len(stage.peers) == 1:
            return signal
        peer = stage.peers.pop(gone[0])
        board.dial(peer, "CHANUNAVAIL", stage.caller)
        board.destroy(peer, signal.cause)


def _answer(board: Switchboard, stage: Stage) -> None:
    """One of the dialled answers: the others are cancelled, both sides meet in a bridge and begin to speak."""
    caller, script = stage.caller, stage.script
    chosen = next(iter(stage.peers)) if script.outbound or script.operator not in stage.peers else script.operator
    peer = stage.connected = stage.peers[chosen]
    others = [other for dialled, other in stage.peers.items() if dialled != chosen]
    stage.peers = {chosen: peer}
    board.set_state(peer, "Up")
    if others:
        _connect_caller(board, caller)
    for other in others:
        board.dial(other, "CANCEL", caller)
    for name, value in (("DIALSTATUS", "ANSWER"), ("DIALEDPEERNAME", peer.name), ("DIALEDPEERNUMBER", chosen)):
        board.set_variable(caller, name, value)
    peer.dialplan.exten = ""
    board.dial(peer, "ANSWER", caller)
    board.set_state(caller, "Up")
    for other in others:
        board.destroy(other, 26)
    bridge = board.create_bridge("basic")
    board.run_app(peer, "AppDial", OUTGOING_LINE)
    board.enter_bridge(bridge, peer)
    board.enter_bridge(bridge, caller)
    client, operator = (peer, caller) if script.outbound else (caller, peer)
    board.speak(client, script.client_audio)
    board.speak(operator, script.operator_audio)


def _hanging_up(stage: Stage) -> Channel:
    channel = stage.client if stage.script.hangup_by is Side.CLIENT else stage.operator
    return channel or stage.caller


def _part(board: Switchboard, stage: Stage, hang_up: HangUp) -> None:
    """Either side of an answered call hangs up: the bridge falls apart, Dial() returns."""
    first = board.channels[hang_up.channel_id]
    bridge = board.bridges.get(first.bridge_id or "")
    board.hangup_requested(first, _requested(hang_up), soft=hang_up.soft)
    board.leave_bridge(first)
    if first is stage.caller:
        board.hangup_requested(stage.caller, 16, soft=True)
    if bridge is not None:
        board.destroy_bridge(bridge)
    board.set_variable(stage.caller, "DIALSTATUS", "ANSWER")
    if first is not stage.caller:
        board.hangup_requested(stage.caller, 16, soft=True)
        board.destroy(first, hang_up.cause)


def _give_up(board: Switchboard, stage: Stage, hang_up: HangUp | None) -> None:
    """Dialling ends without an answer."""
    status, caller = _failure(stage, hang_up), stage.caller
    cancelled = SIP_CANCELLED if status is Unanswered.CANCEL else None
    if cancelled:
        cause = _requested(hang_up) if hang_up else 127
        board.hangup_requested(caller, cause, soft=bool(hang_up and hang_up.soft), tech_cause=cancelled)
    for peer in stage.peers.values():
        if status is Unanswered.BUSY:
            board.hangup_requested(peer, 17, soft=False, tech_cause=SIP_BUSY)
        board.dial(peer, status, caller)
    if not cancelled:
        caller.dialplan.priority += 1
        board.run_app(caller, "Hangup", "")
    board.hangup_requested(caller, 16, soft=True, tech_cause=cancelled)


def _failure(stage: Stage, hang_up: HangUp | None) -> Unanswered:
    """Why nobody answered: somebody hung up while it rang, or as the script has it."""
    if hang_up is None:
        return stage.script.unanswered or Unanswered.CANCEL
    return Unanswered.CANCEL if hang_up.channel_id == stage.caller.id else Unanswered.BUSY


def _clear(board: Switchboard, stage: Stage, hang_up: HangUp | None) -> None:
    """The remaining channels end, with the causes that Asterisk reports."""
    caller_end: tuple[int, int | None]
    peer_end: tuple[int, int | None]
    if stage.connected is not None:
        caller_end = peer_end = (hang_up.cause if hang_up else 16, None)
    else:
        caller_end, peer_end = ENDS[_failure(stage, hang_up)]
    stage.caller.dialplan.priority = 2
    stage.caller.dialplan.app_name = stage.caller.dialplan.app_data = ""
    for channel, end in ((stage.caller, caller_end), *((peer, peer_end) for peer in stage.peers.values())):
        if channel.id in board.channels:
            board.destroy(channel, *end)


def _requested(hang_up: HangUp) -> int:
    return SOFT_HANGUP if hang_up.soft else hang_up.cause


def _context(endpoint: str) -> str:
    resource = endpoint.partition("/")[2]
    return "from-operators" if resource.isdigit() else f"from-{resource}"
