"""The report's and the ring card's questions and answers, without HTTP: values in, a `Reply` out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from ari_bridge.hub.access import Account, sees_live
from ari_bridge.hub.protocol import dumps
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.rest import moment
from ari_bridge.hub.state import HubState
from ari_bridge.report import NumberHistory, Report, ReportQuery

DAYS = timedelta(days=7)
MOST_DAYS = timedelta(days=400)
MOST_OFFSET_MIN = 14 * 60  # the farthest that clocks are apart from UTC
EARLIER_CALLS = 5
NO_NUMBER = error(404, "unknown_number", "there is no such call now")


def report_query(query: Mapping[str, str], now: datetime) -> ReportQuery | Reply:
    """What is asked for: the last week where nothing is said; or the 400 that says what is wrong."""
    given = {name: value.strip() for name, value in query.items()}
    operator, offset = given.get("operator", ""), given.get("offset", "") or "0"
    if len(operator) > 80 or "\0" in operator:
        return error(400, "bad_text", "operator is an extension or a number")
    if not re.fullmatch(r"-?\d{1,3}", offset, re.ASCII) or abs(int(offset)) > MOST_OFFSET_MIN:
        return error(400, "bad_number", "offset is minutes east of UTC, e.g. 180")
    try:
        end = moment(given.get("to")) or now
        begin = moment(given.get("from")) or end - DAYS
    except (ValueError, OverflowError):
        return error(400, "bad_time", "from and to must be ISO 8601, e.g. 2026-11-22T10:00:00Z")
    if not begin < end or end - begin > MOST_DAYS or begin.year < 1970:
        return error(400, "bad_period", f"from must lie before to, and not more than {MOST_DAYS.days} days before it")
    return ReportQuery(begin, end, operator or None, int(offset))


def preview_period(members: Mapping[str, object], now: datetime) -> tuple[datetime, datetime] | Reply:
    """`from` and `to` of a body; the last day where they are missing."""
    given = [members.get(name) or "" for name in ("from", "to")]
    if not all(isinstance(value, str) for value in given):
        return error(400, "bad_time", "from and to must be ISO 8601, e.g. 2026-11-22T10:00:00Z")
    texts = dict(zip(("from", "to"), map(str, given), strict=True))
    found = report_query({"from": texts["from"] or (now - timedelta(days=1)).isoformat(), "to": texts["to"]}, now)
    return found if isinstance(found, Reply) else (found.begin, found.end)


def report(found: Report) -> Reply:
    return Reply(200, dumps(found.to_json()))


def may_ask_for(state: HubState, account: Account, number: str) -> bool:
    """Whoever sees everything, and an operator while a call of that number rings at his extension or he is on it."""
    if account.sees_everything:
        return True
    return any(view.call.client_number == number and sees_live(account, view.call) for view in state.live())


def number(asked: str, known: NumberHistory) -> Reply:
    calls = [call.to_json() for call in known.calls]
    return Reply(200, dumps({"number": asked, "total": known.total, "calls": calls}))
