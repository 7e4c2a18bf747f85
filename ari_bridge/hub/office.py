"""What supervisors look at beside the calls: the report, a number's earlier calls, the playbook."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ari_bridge.accounts import Deed
from ari_bridge.events import Leg
from ari_bridge.history import CallRecord, History
from ari_bridge.hub import figures, rest
from ari_bridge.hub.access import Access
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.protocol import dumps
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.visit import Route, Visit
from ari_bridge.playbooks import (
    Checked,
    PlaybookChanged,
    PlaybookDesk,
    PlaybookFault,
    PlaybookLocked,
    PlaybookText,
    Previewed,
)

PREVIEW_CALLS = 200
NO_HISTORY = error(503, "no_store", "no history is kept")
NO_PLAYBOOK = error(503, "no_playbook", "there is no playbook to be edited")
NO_VERSION = error(404, "unknown_version", "there is no such version of the playbook")


class Office:
    """`clock` tells which days are the last ones."""

    def __init__(
        self,
        hub: Hub,
        door: Doorkeeper,
        history: History | None,
        *,
        playbooks: PlaybookDesk | None,
        veil: Veil,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._hub = hub
        self._door = door
        self._history = history
        self._playbooks = playbooks
        self._veil = veil
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        return (
            ("GET", "/api/numbers/{number}", Access.SIGNED_IN, self._number),
            ("GET", "/api/report", Access.SUPERVISOR, self._report),
            ("GET", "/api/playbook", Access.SUPERVISOR, self._current),
            ("PUT", "/api/playbook", Access.SUPERVISOR, self._save),
            ("POST", "/api/playbook/check", Access.SUPERVISOR, self._check),
            ("POST", "/api/playbook/preview", Access.SUPERVISOR, self._preview),
            ("GET", "/api/playbook/versions", Access.SUPERVISOR, self._versions),
            ("GET", "/api/playbook/versions/{version}", Access.SUPERVISOR, self._version),
            ("POST", "/api/playbook/versions/{version}/restore", Access.SUPERVISOR, self._restore),
        )

    async def _number(self, visit: Visit) -> Reply:
        """Also an operator is told of calls that others had with this number: that is what the ring card is for."""
        number = visit.params["number"]
        if "\0" in number or not figures.may_ask_for(self._hub.state, visit.viewer.account, number):
            return figures.NO_NUMBER
        if self._history is None:
            return NO_HISTORY
        known = await self._history.number(number, figures.EARLIER_CALLS)
        await self._door.note(visit.viewer, Deed.NUMBER_LOOKED_UP, [call.call_id for call in known.calls])
        calls = tuple(replace(call, summary=self._veil.summary(call.summary)) for call in known.calls)
        return figures.number(number, replace(known, calls=calls))

    async def _report(self, visit: Visit) -> Reply:
        query = figures.report_query(visit.query, self._clock())
        if isinstance(query, Reply):
            return query
        if self._history is None:
            return NO_HISTORY
        report = await self._history.report(query)
        await self._door.note(visit.viewer, Deed.READ_REPORT)
        return figures.report(report)

    async def _current(self, visit: Visit) -> Reply:
        return await self._at_the_desk(_current)

    async def _check(self, visit: Visit) -> Reply:
        text = _text(visit)
        if isinstance(text, Reply):
            return text
        return await self._at_the_desk(lambda desk: _checked(desk, text["text"]))

    async def _save(self, visit: Visit) -> Reply:
        given = _text(visit, "base")
        if isinstance(given, Reply):
            return given

        async def save(desk: PlaybookDesk) -> Reply:
            saved, checked = await desk.save(given["text"], given["base"], visit.viewer.account.name)
            await self._door.note(visit.viewer, Deed.PLAYBOOK_SAVED, detail=saved.version)
            return _saved(saved, checked)

        return await self._at_the_desk(save)

    async def _preview(self, visit: Visit) -> Reply:
        given = _text(visit)
        if isinstance(given, Reply):
            return given
        period = figures.preview_period(given, self._clock())
        if isinstance(period, Reply):
            return period
        if self._history is None:
            return NO_HISTORY
        calls = await self._history.calls_between(*period, PREVIEW_CALLS)

        async def preview(desk: PlaybookDesk) -> Reply:
            found = await desk.preview(given["text"], calls)
            shown = dict.fromkeys(line.call.id for line in found.lines)
            await self._door.note(visit.viewer, Deed.PLAYBOOK_PREVIEWED, shown)
            lines = await asyncio.to_thread(
                self._veiled, found.lines, [call for call in calls if call.call.id in shown]
            )
            return Reply(200, dumps(replace(found, lines=lines).to_json()))

        return await self._at_the_desk(preview)

    def _veiled(self, lines: Iterable[Previewed], records: Iterable[CallRecord]) -> tuple[Previewed, ...]:
        """The lines as their calls' masked view has them."""
        views = {record.call.id: self._veil.record(record) for record in records}
        said = {
            (name, line.utterance): line.text
            for name, view in views.items()
            for line in view.transcript
            if line.leg is Leg.CLIENT
        }

        def veiled(line: Previewed) -> Previewed:
            shown = tuple(replace(card, content=self._veil.text(card.content)) for card in line.shown)
            return replace(line, call=views[line.call.id].call, text=said[line.call.id, line.utterance], shown=shown)

        return tuple(map(veiled, lines))

    async def _versions(self, visit: Visit) -> Reply:
        async def versions(desk: PlaybookDesk) -> Reply:
            kept = [version.to_json() for version in await desk.versions()]
            return Reply(200, dumps({"versions": kept, "current": (await desk.current()).version}))

        return await self._at_the_desk(versions)

    async def _version(self, visit: Visit) -> Reply:
        version = visit.params["version"]

        async def text(desk: PlaybookDesk) -> Reply:
            found = None if "\0" in version else await desk.version(version)
            return NO_VERSION if found is None else Reply(200, dumps({"version": version, "text": found}))

        return await self._at_the_desk(text)

    async def _restore(self, visit: Visit) -> Reply:
        version = visit.params["version"]

        async def restore(desk: PlaybookDesk) -> Reply:
            found = None if "\0" in version else await desk.restore(version, visit.viewer.account.name)
            if found is None:
                return NO_VERSION
            await self._door.note(visit.viewer, Deed.PLAYBOOK_SAVED, detail=version)
            return _saved(*found)

        return await self._at_the_desk(restore)

    async def _at_the_desk(self, work: Callable[[PlaybookDesk], Awaitable[Reply]]) -> Reply:
        """The desk's faults as answers: its words are for the sales lead."""
        if self._playbooks is None:
            return NO_PLAYBOOK
        try:
            return await work(self._playbooks)
        except PlaybookFault as fault:
            return Reply(422, dumps({"error": {"code": "bad_playbook", "message": str(fault), "line": fault.line}}))
        except PlaybookChanged as fault:
            return error(409, "playbook_changed", str(fault))
        except PlaybookLocked as fault:
            return error(409, "playbook_locked", str(fault))


async def _current(desk: PlaybookDesk) -> Reply:
    return Reply(200, dumps((await desk.current()).to_json()))


async def _checked(desk: PlaybookDesk, text: str) -> Reply:
    return Reply(200, dumps((await desk.check(text)).to_json()))


def _saved(saved: PlaybookText, checked: Checked) -> Reply:
    return Reply(200, dumps(checked.to_json() | {"version": saved.version}))


def _text(visit: Visit, *also: str) -> Mapping[str, str] | Reply:
    """The body's members; `text` and `also` are there, and text."""
    members = rest.json_object(visit.body, visit.content_type)
    if isinstance(members, Reply):
        return members
    if not all(isinstance(members.get(name), str) for name in ("text", *also)):
        return error(400, "bad_text", f"send {', '.join(('text', *also))} as text")
    return {name: value for name, value in members.items() if isinstance(value, str)}
