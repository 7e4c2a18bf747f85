"""Who may see and do what. Pure; fail-closed: what is not allowed here is refused.

Decisions rest on Asterisk's facts (which extension rings or is on the call), never on names or caller ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from ari_bridge.accounts import LOCAL, Account, Role
from ari_bridge.events import Call

__all__ = ["ADD_USER", "LOCAL", "NOBODY", "Access", "Account", "Role", "may", "scope", "sees", "sees_live"]

ADD_USER = "ari-bridge user add NAME --role operator --extension 1001"
NOBODY = Account("", Role.OPERATOR)


class Access(Enum):
    """What a route asks of whoever calls it."""

    UNGATED = "ungated"  # shows nobody's data; a load balancer asks without an account
    DIALPLAN = "dialplan"  # notices, by the sender's own address
    PUBLIC = "public"  # the sign-in page and what it needs
    PAGE = "page"  # the page itself: signed in, else on to the sign-in page
    SIGNED_IN = "signed_in"
    SUPERVISOR = "supervisor"
    METRICS = "metrics"  # whoever sees everything, and programs on this machine
    ADMIN = "admin"


def scope(account: Account) -> tuple[str, ...] | None:
    """The extensions whose calls this account may see; None: all calls.

    This is the one decision on who sees a call: live feed, REST, history, export and recordings all ask here.
    """
    return None if account.sees_everything else account.extensions


def sees(account: Account, parties: Iterable[str | None]) -> bool:
    """Whether the account may see a call (or a part of it) with these extensions on it."""
    extensions = scope(account)
    return extensions is None or not set(extensions).isdisjoint(parties)


def sees_live(account: Account, call: Call) -> bool:
    """A live call: an operator while his own extension rings or is on it, the others all."""
    return sees(account, (call.operator, *call.ringing))


def may(account: Account, access: Access) -> bool:
    """Whether somebody who is known may call a route."""
    match access:
        case Access.PUBLIC | Access.PAGE | Access.SIGNED_IN:
            return True
        case Access.SUPERVISOR | Access.METRICS:
            return account.sees_everything
        case Access.ADMIN:
            return account.role is Role.ADMIN
    return False
