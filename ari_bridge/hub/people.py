"""Users over REST, for administrators: what the `user` command does on the machine itself.

The last administrator can neither be removed nor demoted from here: nobody could undo it but on the machine, and
without any user the page would be open there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ari_bridge.accounts import Deed, Role, User, extensions_fault, name_fault, password_fault
from ari_bridge.events import rfc3339
from ari_bridge.hub import rest
from ari_bridge.hub.access import Access
from ari_bridge.hub.doorkeeper import Doorkeeper
from ari_bridge.hub.protocol import dumps
from ari_bridge.hub.reply import Reply, error
from ari_bridge.hub.visit import Route, Visit

_NO_USER = error(404, "unknown_user", "there is no such user")
_LAST = error(409, "last_administrator", "this is the last administrator: make somebody else one first")
_BAD_EXTENSIONS = error(400, "bad_extensions", 'extensions is a list, e.g. ["1001"]')


class People:
    def __init__(self, door: Doorkeeper) -> None:
        self._door = door

    def routes(self) -> tuple[Route, ...]:
        return (
            ("GET", "/api/users", Access.ADMIN, self._list),
            ("POST", "/api/users", Access.ADMIN, self._add),
            ("PATCH", "/api/users/{name}", Access.ADMIN, self._change),
            ("DELETE", "/api/users/{name}", Access.ADMIN, self._remove),
        )

    async def _list(self, visit: Visit) -> Reply:
        users = sorted(self._door.directory.users.values(), key=lambda user: user.name.casefold())
        await self._door.note(visit.viewer, Deed.READ_USERS)
        return Reply(200, dumps({"users": [as_json(user) for user in users]}))

    async def _add(self, visit: Visit) -> Reply:
        members = rest.json_object(visit.body, visit.content_type)
        if isinstance(members, Reply):
            return members
        name, role = members.get("name"), _role(members.get("role", Role.OPERATOR.value))
        extensions, password = _extensions(members.get("extensions", [])), members.get("password")
        if not isinstance(name, str) or not isinstance(password, str) or role is None:
            roles = ", ".join(Role)
            return error(
                400, "bad_user", f'send {{"name":"…","role":"…","extensions":[…],"password":"…"}}; roles: {roles}'
            )
        if extensions is None:
            return _BAD_EXTENSIONS
        fault = name_fault(name) or extensions_fault(role, extensions) or password_fault(password)
        if fault or not rest.is_text(name):
            return error(400, "bad_user", fault or "the name is no text")
        user = await self._door.add_user(visit.viewer, " ".join(name.split()), role, extensions, password)
        if user is None:
            return error(409, "name_taken", "somebody has that name already")
        return Reply(200, dumps(as_json(user)))

    async def _change(self, visit: Visit) -> Reply:
        members = rest.json_object(visit.body, visit.content_type)
        if isinstance(members, Reply):
            return members
        user = self._door.directory.named(visit.params["name"])
        if user is None:
            return _NO_USER
        role, password = _role(members.get("role", user.role.value)), members.get("password")
        extensions = _extensions(members.get("extensions", list(user.extensions)))
        if role is None or not isinstance(password, str | None):
            return error(400, "bad_user", f"role is one of {', '.join(Role)}; password is a text")
        if extensions is None:
            return _BAD_EXTENSIONS
        fault = extensions_fault(role, extensions) or (password_fault(password) if password is not None else None)
        if fault:
            return error(400, "bad_user", fault)
        if role is not Role.ADMIN and self._is_last_administrator(user):
            return _LAST
        changed = await self._door.change_user(visit.viewer, user, role, extensions, password)
        return _NO_USER if changed is None else Reply(200, dumps(as_json(changed)))

    async def _remove(self, visit: Visit) -> Reply:
        user = self._door.directory.named(visit.params["name"])
        if user is None:
            return _NO_USER
        if self._is_last_administrator(user):
            return _LAST
        return Reply(200, b"{}") if await self._door.remove_user(visit.viewer, user) else _NO_USER

    def _is_last_administrator(self, user: User) -> bool:
        others = (other for other in self._door.directory.users.values() if other.id != user.id)
        return user.role is Role.ADMIN and not any(other.role is Role.ADMIN for other in others)


def as_json(user: User) -> Mapping[str, Any]:
    """Without the password's hash."""
    return {
        "name": user.name,
        "role": user.role.value,
        "extensions": list(user.extensions),
        "created_at": rfc3339(user.created_at),
    }


def _role(value: object) -> Role | None:
    return Role(value) if isinstance(value, str) and value in set(Role) else None


def _extensions(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(dict.fromkeys(value))
