"""What is served, to whom, and what answers: the one table of all routes but the WebSocket and the page's files.

No HTTP in here: a `Visit` in, a `Reply` out; `server.py` carries both over the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

from ari_bridge.accounts import Deed
from ari_bridge.events import ComponentState, Suggestion
from ari_bridge.history import History, Recordings
from ari_bridge.hub import openapi, rest
from ari_bridge.hub.access import Access, Account
from ari_bridge.hub.coaching import Coaching
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.listening import Listening
from ari_bridge.hub.office import Office
from ari_bridge.hub.past import PastCalls
from ari_bridge.hub.people import People
from ari_bridge.hub.protocol import Feedback, dumps
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.visit import Route, Visit
from ari_bridge.interfaces import CallDesk, CallNotices, NoticeResult
from ari_bridge.playbooks import PlaybookDesk

NOTICE_TIMEOUT_S: Final = 0.04
MOST_AUDIT: Final = 1000


class Exposition(Protocol):
    """What `/metrics` answers."""

    content_type: str

    def render(self) -> bytes: ...


class Endpoints:
    def __init__(
        self,
        hub: Hub,
        door: Doorkeeper,
        *,
        notices: CallNotices,
        desk: CallDesk,
        history: History | None = None,
        veil: Veil = Veil(),  # noqa: B008
        playbooks: PlaybookDesk | None = None,
        recordings: Recordings | None = None,
        metrics: Exposition | None = None,
        ready_when: Collection[ComponentState] = (ComponentState.UP,),
    ) -> None:
        self._hub = hub
        self._door = door
        self._notices = notices
        self._desk = desk
        self._metrics = metrics
        self._ready_when = ready_when
        self._past = PastCalls(hub, door, history, veil=veil, recordings=recordings, desk=desk)
        self._listening = Listening(door, history, recordings)
        self._coaching = Coaching(hub, door, desk, history)
        self._people = People(door)
        self._office = Office(hub, door, history, playbooks=playbooks, veil=veil)

    def routes(self) -> tuple[Route, ...]:
        return (
            *self._past.routes(),
            *self._listening.routes(),
            *self._coaching.routes(),
            *self._people.routes(),
            *self._office.routes(),
            ("POST", "/api/login", Access.PUBLIC, self._login),
            ("POST", "/api/logout", Access.PUBLIC, self._logout),
            ("GET", "/api/me", Access.SIGNED_IN, self._me),
            ("GET", "/api/calls", Access.SIGNED_IN, self._calls),
            ("POST", "/api/suggestions/{id}/feedback", Access.SIGNED_IN, self._feedback),
            ("GET", "/api/audit", Access.ADMIN, self._audit),
            ("GET", "/api/openapi.json", Access.SIGNED_IN, self._openapi),
            ("GET", "/agi/call_start", Access.DIALPLAN, self._call_start),
            ("GET", "/agi/call_end", Access.DIALPLAN, self._call_end),
            ("GET", "/healthz", Access.UNGATED, self._healthz),
            ("GET", "/readyz", Access.UNGATED, self._readyz),
            ("GET", "/metrics", Access.METRICS, self._show_metrics),
        )

    async def take_feedback(self, account: Account, feedback: Feedback) -> Suggestion | None:
        """The card as it stands after the verdict; None where this account can see no such card."""
        card = self._hub.card_seen_by(account, feedback.id)
        return None if card is None else await self._desk.mark(card, feedback.verdict)

    async def _login(self, visit: Visit) -> Reply:
        members = rest.json_object(visit.body, visit.content_type)
        given = members if isinstance(members, Reply) else rest.name_and_password(members)
        return given if isinstance(given, Reply) else await self._door.sign_in(visit.viewer, *given)

    async def _logout(self, visit: Visit) -> Reply:
        return await self._door.sign_out(visit.viewer)

    async def _me(self, visit: Visit) -> Reply:
        return rest.whoami(visit.viewer.account)

    async def _calls(self, visit: Visit) -> Reply:
        return rest.live_calls(self._hub.state, visit.viewer.account)

    async def _feedback(self, visit: Visit) -> Reply:
        members = rest.json_object(visit.body, visit.content_type)
        feedback = members if isinstance(members, Reply) else rest.feedback(visit.params["id"], members)
        if isinstance(feedback, Reply):
            return feedback
        return rest.card(await self.take_feedback(visit.viewer.account, feedback))

    async def _audit(self, visit: Visit) -> Reply:
        since = rest.audit_since(visit.query)
        if isinstance(since, Reply):
            return since
        await self._door.note(visit.viewer, Deed.READ_AUDIT)
        return rest.audit(await self._door.audit(since, MOST_AUDIT))

    async def _openapi(self, visit: Visit) -> Reply:
        return Reply(200, openapi.as_text().encode())

    async def _call_start(self, visit: Visit) -> Reply:
        caller = rest.caller_number(visit.query)
        return await _notice(visit, lambda channel: self._notices.call_start(channel, caller))

    async def _call_end(self, visit: Visit) -> Reply:
        return await _notice(visit, self._notices.call_end)

    async def _healthz(self, visit: Visit) -> Reply:
        return Reply(200, dumps({"status": "alive"}))

    async def _readyz(self, visit: Visit) -> Reply:
        return rest.readiness(self._hub.state.system, self._ready_when)

    async def _show_metrics(self, visit: Visit) -> Reply:
        if self._metrics is None:
            return error(404, "no_metrics", "metrics are not collected")
        return Reply(200, self._metrics.render(), self._metrics.content_type)


async def _notice(visit: Visit, tell: Callable[[str], Awaitable[NoticeResult]]) -> Reply:
    channel = rest.channel_id(visit.query)
    if isinstance(channel, Reply):
        return channel
    try:
        async with asyncio.timeout(NOTICE_TIMEOUT_S):
            return rest.notice(await tell(channel))
    except TimeoutError:
        return error(503, "busy", "the notice could not be taken in time; the call goes on without us")
