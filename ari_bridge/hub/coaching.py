"""What people add to a call: a supervisor's whisper to its operator, a summary in their own words."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from ari_bridge.accounts import Deed
from ari_bridge.events import Priority, Source, Suggestion, SuggestionKind, SuggestionState, Summary
from ari_bridge.history import CallRecord, History
from ari_bridge.hub import rest
from ari_bridge.hub.access import Access, Account, scope, sees
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.protocol import dumps
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.visit import Route, Visit
from ari_bridge.interfaces import CallDesk

WHISPER_TITLE: Final = "Подсказка руководителя"
MAX_WHISPER: Final = 500
MAX_SUMMARY_TEXT: Final = 2000
MAX_ACTIONS: Final = 50

_NOT_YOURS: Final = error(403, "not_allowed", "others had a part in this call; its summary is not yours to change")


class Coaching:
    def __init__(self, hub: Hub, door: Doorkeeper, desk: CallDesk, history: History | None) -> None:
        self._hub = hub
        self._door = door
        self._desk = desk
        self._history = history

    def routes(self) -> tuple[Route, ...]:
        return (
            ("POST", "/api/calls/{id}/whisper", Access.SUPERVISOR, self._whisper),
            ("PUT", "/api/calls/{id}/summary", Access.SIGNED_IN, self._summarise),
        )

    async def _whisper(self, visit: Visit) -> Reply:
        members = rest.json_object(visit.body, visit.content_type)
        if isinstance(members, Reply):
            return members
        text = rest.plain_text(members.get("text"), MAX_WHISPER)
        if not text:
            return error(400, "bad_whisper", f'send {{"text":"…"}}, 1 to {MAX_WHISPER} characters')
        call_id = visit.params["id"]
        view = rest.live_view(self._hub.state, visit.viewer.account, call_id)
        if view is None or view.ended_at is not None:
            return rest.NO_CALL
        await self._door.note(visit.viewer, Deed.WHISPERED, (call_id,))
        card = whispered(call_id, text)
        await self._desk.add(card)
        return rest.card(card)

    async def _summarise(self, visit: Visit) -> Reply:
        call_id, account = visit.params["id"], visit.viewer.account
        members = rest.json_object(visit.body, visit.content_type)
        summary = members if isinstance(members, Reply) else parse_summary(call_id, members)
        if isinstance(summary, Reply):
            return summary
        record = await self._kept(call_id, account)
        if record is not None and not record.whole:
            return _NOT_YOURS
        if record is None and not self._is_on(call_id, account):
            return rest.NO_CALL
        await self._door.note(visit.viewer, Deed.SUMMARISED, (call_id,))
        await self._desk.add(summary)
        return Reply(200, dumps(summary.to_json()))

    async def _kept(self, call_id: str, account: Account) -> CallRecord | None:
        if self._history is None or not rest.is_id(call_id):
            return None
        return await self._history.call(call_id, scope(account))

    def _is_on(self, call_id: str, account: Account) -> bool:
        """Whether the call is on the page still, and the account on it: it need not be written down yet."""
        view = self._hub.state.views.get(call_id)
        return view is not None and sees(account, (view.call.operator,))


def whispered(call_id: str, text: str) -> Suggestion:
    """A new card for the call's operator."""
    return Suggestion(
        call_id=call_id,
        id=f"w-{secrets.token_hex(8)}",
        kind=SuggestionKind.WHISPER,
        title=WHISPER_TITLE,
        content=text,
        priority=Priority.HIGH,
        source=Source.SUPERVISOR,
        state=SuggestionState.COMPLETE,
        utterance=None,
        quote="",
    )


def parse_summary(call_id: str, members: Mapping[str, object]) -> Summary | Reply:
    """The members of `events.Summary`; what is missing is empty, what is unknown is left out."""
    need, outcome = (rest.plain_text(members.get(name, ""), MAX_SUMMARY_TEXT) for name in ("need", "outcome"))
    given = members.get("actions", [])
    actions = [rest.plain_text(item, MAX_SUMMARY_TEXT) for item in given] if isinstance(given, list) else [None]
    if need is None or outcome is None or None in actions or len(actions) > MAX_ACTIONS:
        return error(
            400,
            "bad_summary",
            f'send {{"need":"…","outcome":"…","actions":["…"]}}: texts of at most {MAX_SUMMARY_TEXT} characters, '
            f"at most {MAX_ACTIONS} actions",
        )
    return Summary(call_id, need, outcome, tuple(action for action in actions if action))
