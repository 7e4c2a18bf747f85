"""Past calls over REST: looking, searching, exporting. Every look is noted before it is answered.

What people said to us is shown without personal data until somebody asks for it (`discretion.py`); that is noted too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, tzinfo
from functools import partial
from zoneinfo import ZoneInfo

from ari_bridge.accounts import Deed
from ari_bridge.history import CallRecord, History, HistoryPage, HistoryQuery, Recordings
from ari_bridge.hub import export, rest
from ari_bridge.hub.access import Access, scope
from ari_bridge.hub.discretion import Veil
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.fanout import Hub
from ari_bridge.hub.protocol import dumps
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.visit import Route, Visit
from ari_bridge.interfaces import CallDesk
from ari_bridge.numbers import number_key

NO_STORE = error(503, "no_store", "no history is kept")
_BAD_ZONE = error(400, "bad_zone", "zone is a name as Europe/Moscow")


class PastCalls:
    def __init__(
        self,
        hub: Hub,
        door: Doorkeeper,
        history: History | None,
        *,
        veil: Veil,
        recordings: Recordings | None,
        desk: CallDesk,
    ) -> None:
        self._hub = hub
        self._door = door
        self._history = history
        self._veil = veil
        self._desk = desk
        self._recordings = recordings

    def routes(self) -> tuple[Route, ...]:
        return (
            ("GET", "/api/calls/{id}", Access.SIGNED_IN, self._call),
            ("POST", "/api/calls/{id}/reveal", Access.SIGNED_IN, self._reveal),
            ("GET", "/api/calls/{id}/export", Access.SIGNED_IN, self._export_call),
            ("GET", "/api/history", Access.SIGNED_IN, self._search),
            ("GET", "/api/export", Access.SIGNED_IN, self._export_period),
            ("DELETE", "/api/numbers/{number}", Access.ADMIN, self._erase),
        )

    async def _call(self, visit: Visit) -> Reply:
        """A live call from the page's state; one that is over from the store, or from there while it is not written."""
        account, call_id = visit.viewer.account, visit.params["id"]
        view = rest.live_view(self._hub.state, account, call_id)
        if view is not None and view.ended_at is None:
            return rest.live_call(view, await self._desk.frames(call_id))
        record = await self._kept(visit)
        if record is None and view is None:
            return rest.NO_CALL
        await self._door.note(visit.viewer, Deed.OPENED, (call_id,))
        if record is None:
            assert view is not None
            return rest.live_call(view)
        return await self._shown(await self._veiled(record), masked=self._veil.masks)

    async def _reveal(self, visit: Visit) -> Reply:
        record = await self._kept(visit)
        if record is None:
            return rest.NO_CALL
        await self._door.note(visit.viewer, Deed.REVEALED, (record.call.id,))
        return await self._shown(record, masked=False)

    async def _veiled(self, record: CallRecord) -> CallRecord:
        """In a thread: of an hour's talk it takes a tenth of a second, and the loop has calls to serve."""
        return await asyncio.to_thread(self._veil.record, record)

    async def _shown(self, record: CallRecord, *, masked: bool) -> Reply:
        tracks = await self._recordings.tracks(record.call.id) if self._recordings is not None else ()
        return rest.kept_call(record, masked=masked, tracks=tracks)

    async def _export_call(self, visit: Visit) -> Reply:
        kind, zone = visit.query.get("format", "") or "json", _zone(visit)
        if kind not in ("json", "text"):
            return error(400, "bad_choice", "format is json or text")
        if zone is None:
            return _BAD_ZONE
        reveal = rest.yes(visit.query, "reveal")
        if isinstance(reveal, Reply):
            return reveal
        record = await self._kept(visit)
        if record is None:
            return rest.NO_CALL
        await self._door.note(visit.viewer, Deed.EXPORTED, (record.call.id,), "revealed" if reveal else "")
        shown = record if reveal else await self._veiled(record)
        name = rest.file_name(record.call.id)
        if kind == "text":
            return rest.attachment(export.text(shown, zone), "text/plain; charset=utf-8", f"{name}.txt")
        members = shown.to_json() | {"masked": self._veil.masks and not reveal}
        return rest.attachment(dumps(members), "application/json", f"{name}.json")

    async def _search(self, visit: Visit) -> Reply:
        query = rest.history_query(visit.query, visit.viewer.account)
        if isinstance(query, Reply):
            return query
        if self._history is None:
            return NO_STORE
        page = await self._noted(visit, self._history, query, Deed.SEARCHED)
        return rest.history(page)

    async def _export_period(self, visit: Visit) -> Reply:
        query = rest.history_query(visit.query, visit.viewer.account)
        if isinstance(query, Reply):
            return query
        delimiter, zone = export.DELIMITERS.get(visit.query.get("delimiter", "")), _zone(visit)
        if delimiter is None:
            return error(400, "bad_choice", "delimiter is , or ;")
        if zone is None:
            return _BAD_ZONE
        if self._history is None:
            return NO_STORE
        first = await self._noted(visit, self._history, replace(query, limit=rest.MOST_HITS), Deed.EXPORTED)
        table = partial(export.table, delimiter=delimiter, zone=zone)
        rows = self._rows(visit, query, first, table)
        return rest.attachment(b"", "text/csv; charset=utf-8", "calls.csv", rows)

    async def _rows(
        self, visit: Visit, query: HistoryQuery, page: HistoryPage, table: Callable[..., bytes]
    ) -> AsyncIterator[bytes]:
        """Page by page, so that the export of years takes no memory; each noted before it is sent."""
        assert self._history is not None
        yield table(page.hits, headed=True)
        while page.next is not None:
            following = replace(query, before=page.next, limit=rest.MOST_HITS)
            page = await self._noted(visit, self._history, following, Deed.EXPORTED)
            yield table(page.hits, headed=False)

    async def _noted(self, visit: Visit, history: History, query: HistoryQuery, deed: Deed) -> HistoryPage:
        page = await history.history(query)
        await self._door.note(visit.viewer, deed, [hit.call.id for hit in page.hits], rest.asked_for(query))
        return replace(page, hits=await asyncio.to_thread(lambda: tuple(map(self._veil.hit, page.hits))))

    async def _erase(self, visit: Visit) -> Reply:
        """Noted before it is done, without the number; what was done is noted after."""
        number = visit.params["number"]
        if not rest.is_number(number):
            return error(400, "bad_number", "this is no telephone number, e.g. +79001234567")
        if self._history is None:
            return NO_STORE
        await self._door.note(visit.viewer, Deed.ERASED, detail="begun")
        erased = (await self._history.erase_number(number)).to_json()
        for view in self._hub.state.ended():
            if number_key(view.call.client_number) == number_key(number):
                self._desk.forget(view.call.id)
        await self._door.note(visit.viewer, Deed.ERASED, detail=" ".join(f"{k}={v}" for k, v in erased.items()))
        return Reply(200, dumps(erased))

    async def _kept(self, visit: Visit) -> CallRecord | None:
        """What the store has of the call, as far as the visitor may see it."""
        call_id = visit.params["id"]
        if self._history is None or not rest.is_id(call_id):
            return None
        return await self._history.call(call_id, scope(visit.viewer.account))


def _zone(visit: Visit) -> tzinfo | None:
    """The time zone that people want to read; UTC where they name none, None where there is none of that name."""
    name = visit.query.get("zone", "")
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        return None
