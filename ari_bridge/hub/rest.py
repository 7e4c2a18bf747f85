"""The REST answers, without HTTP: values in, a `Reply` out. Pure.

Every body is JSON; an error is `{"error":{"code","message"}}` whatever the path.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from ari_bridge.accounts import AuditEntry
from ari_bridge.events import Component, ComponentState, ComponentStatus, Suggestion, SuggestionKind, SystemChanged
from ari_bridge.history import CallRecord, FrameAccount, HistoryPage, HistoryQuery, Track
from ari_bridge.hub.access import Account, scope, sees_live
from ari_bridge.hub.protocol import Feedback, dumps, parse_feedback
from ari_bridge.hub.reply import JSON, Reply, error
from ari_bridge.hub.state import CallView, HubState
from ari_bridge.interfaces import NoticeResult

CHANNEL_ID = r"^[!-~]{1,149}$"  # Asterisk: AST_MAX_PUBLIC_UNIQUEID is 149 and the terminating zero
MAX_NUMBER = 80  # Asterisk: AST_MAX_EXTENSION
MAX_TEXT = 500
MOST_HITS = 200
HITS = 50
NO_CALL = error(404, "unknown_call", "there is no such call")

_YES_NO = {"": None, "true": True, "false": False}


def live_calls(state: HubState, account: Account) -> Reply:
    calls = [view.call.to_json() for view in state.live() if sees_live(account, view.call)]
    return Reply(200, dumps({"calls": calls}))


def live_view(state: HubState, account: Account, call_id: str) -> CallView | None:
    """The call as in the snapshot. A call that may not be seen does not exist."""
    view = state.views.get(call_id)
    return view if view is not None and sees_live(account, view.call) else None


def live_call(view: CallView, frames: Iterable[FrameAccount] = ()) -> Reply:
    """The call as in the snapshot, and what was heard of it frame by frame."""
    return Reply(200, b'%b,"frames":%b}' % (view.to_json()[:-1], dumps([frame.to_json() for frame in frames])))


def kept_call(record: CallRecord, *, masked: bool, tracks: Sequence[Track] = ()) -> Reply:
    """`masked`: personal data may be missing; `reveal` shows it. `tracks`: of its recording."""
    recording = {"tracks": list(tracks)} if tracks else None
    return Reply(200, dumps(record.to_json() | {"masked": masked, "recording": recording}))


def is_number(text: str) -> bool:
    """Whether people write telephone numbers so; a deletion must not guess."""
    return re.fullmatch(r"\s*\+?[\d\s().-]{3,40}", text, re.ASCII) is not None and sum(map(str.isdigit, text)) >= 3


def attachment(body: bytes, content_type: str, name: str, stream: AsyncIterator[bytes] | None = None) -> Reply:
    return Reply(200, body, content_type, (("Content-Disposition", f'attachment; filename="{name}"'),), stream)


def file_name(call_id: str) -> str:
    """A name that is safe in a header and in a folder."""
    return f"call-{re.sub(r'[^A-Za-z0-9_-]', '_', call_id)[:80]}"


def yes(query: Mapping[str, str], name: str) -> bool | Reply:
    value = query.get(name, "")
    if value not in _YES_NO:
        return error(400, "bad_choice", f"{name} is true or false")
    return value == "true"


def history_query(query: Mapping[str, str], account: Account) -> HistoryQuery | Reply:
    """What is asked for, within what the account may see; or the 400 that says what is wrong."""
    given = {name: value.strip() for name, value in query.items()}
    if any(len(value) > MAX_TEXT or "\0" in value for value in given.values()):
        return error(400, "bad_text", f"a parameter has more than {MAX_TEXT} characters, or a zero character")
    try:
        begin, end = (moment(given.get(name)) for name in ("from", "to"))
    except (ValueError, OverflowError):
        return error(400, "bad_time", "from and to must be ISO 8601, e.g. 2026-11-22T10:00:00Z")
    before, limit = given.get("before", ""), given.get("limit", "") or str(HITS)
    if not re.fullmatch(r"\d{0,15}", before, re.ASCII) or not re.fullmatch(r"\d{1,4}", limit, re.ASCII):
        return error(400, "bad_number", f"before is the `next` of the page before, limit a number up to {MOST_HITS}")
    kind, answered = given.get("kind", ""), given.get("answered", "")
    if (kind and kind not in set(SuggestionKind)) or answered not in _YES_NO:
        return error(400, "bad_choice", f"kind is one of {', '.join(SuggestionKind)}; answered is true or false")
    return HistoryQuery(
        text=given.get("q", ""),
        begin=begin,
        end=end,
        operator=given.get("operator") or None,
        number=given.get("number") or None,
        answered=_YES_NO[answered],
        outcome=given.get("outcome") or None,
        card=given.get("card") or None,
        card_kind=SuggestionKind(kind) if kind else None,
        seen_by=scope(account),
        before=int(before) if before else None,
        limit=min(max(int(limit), 1), MOST_HITS),
    )


def asked_for(query: HistoryQuery) -> str:
    """Which restrictions a search had, for the audit log: not what was searched for, which may be a person's number."""
    names = ("text", "begin", "end", "operator", "number", "answered", "outcome", "card", "card_kind", "before")
    return " ".join(name for name in names if getattr(query, name) not in (None, ""))


def history(page: HistoryPage) -> Reply:
    return Reply(200, dumps({"calls": [hit.to_json() for hit in page.hits], "next": page.next}))


def audit_since(query: Mapping[str, str]) -> datetime | Reply:
    try:
        return moment(query.get("from")) or datetime.min.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return error(400, "bad_time", "from must be ISO 8601, e.g. 2026-11-22T10:00:00Z")


def audit(entries: Iterable[AuditEntry]) -> Reply:
    return Reply(200, dumps({"entries": [entry.to_json() for entry in entries]}))


def whoami(account: Account) -> Reply:
    return Reply(200, dumps(account.to_json()))


def json_object(body: bytes, content_type: str) -> Mapping[str, object] | Reply:
    """A body's members, or what is wrong with it."""
    if content_type != JSON:
        return error(415, "not_json", "send application/json")
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return error(400, "bad_json", "the body is not JSON")
    return members if isinstance(members, dict) else error(400, "bad_json", "the body is not a JSON object")


def is_id(value: str) -> bool:
    """Whether anything can be kept under this id: no database takes a zero character or half a surrogate pair."""
    return is_text(value) and "\0" not in value


def is_text(value: str) -> bool:
    """Not what `"\\ud800"` becomes, which cannot be written down."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def plain_text(value: object, most: int) -> str | None:
    """A text of at most `most` characters without surrounding space; None for anything else."""
    if not isinstance(value, str) or len(value) > most or not is_id(value):
        return None
    return value.strip()


def feedback(suggestion_id: str, members: Mapping[str, object]) -> Feedback | Reply:
    return parse_feedback(suggestion_id, members.get("verdict")) or error(
        400, "bad_verdict", 'send {"verdict":"useful"}, or useless, copied, dismissed, pinned'
    )


def name_and_password(members: Mapping[str, object]) -> tuple[str, str] | Reply:
    name, password = members.get("name"), members.get("password")
    if not isinstance(name, str) or not isinstance(password, str):
        return error(400, "bad_login", 'send {"name":"…","password":"…"}')
    return name, password


def card(suggestion: Suggestion | None) -> Reply:
    if suggestion is None:
        return error(404, "unknown_suggestion", "there is no such suggestion")
    return Reply(200, dumps(suggestion.to_json()))


def readiness(
    system: Mapping[Component, ComponentStatus], ready_when: Collection[ComponentState] = (ComponentState.UP,)
) -> Reply:
    """Able to take calls: ARI is up. 503 carries ARI's reason and cure; `components` shows the rest either way."""
    components = SystemChanged(system).to_json()
    ari = system[Component.ARI]
    if ari.state in ready_when:
        return Reply(200, dumps({"status": "ready", "components": components}))
    message = " ".join(part for part in (ari.reason, ari.action) if part) or f"ARI: {ari.state.value}"
    return Reply(503, dumps({"error": {"code": "not_ready", "message": message}, "components": components}))


def channel_id(query: Mapping[str, str]) -> str | Reply:
    """The notice's `id`, or the 400 that says what is wrong with it."""
    value = query.get("id", "").strip()
    if not value:
        return error(400, "missing_id", "id is missing: send the channel's unique id, ${UNIQUEID}")
    if not re.fullmatch(CHANNEL_ID, value):
        return error(400, "bad_id", "id is not a channel's unique id: send ${UNIQUEID}")
    return value


def caller_number(query: Mapping[str, str]) -> str | None:
    """The notice's `caller`; None where it is missing, anonymous or nonsense (the channel itself knows better)."""
    value = query.get("caller", "").strip()
    return value if value and len(value) <= MAX_NUMBER and value.isprintable() else None


def notice(result: NoticeResult) -> Reply:
    if result is NoticeResult.UNKNOWN:
        return error(400, "unknown_id", "no call with this id: send the unique id of a channel that is up, ${UNIQUEID}")
    return Reply(200, dumps({"result": result.value}))


def moment(value: str | None) -> datetime | None:
    """A time of a query; without an offset it is UTC. Raises ValueError or OverflowError for what is none."""
    if not value:
        return None
    found = datetime.fromisoformat(value)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
