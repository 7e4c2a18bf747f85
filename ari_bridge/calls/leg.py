"""The life of one tap, as a table. Pure: a transition returns commands and never talks to Asterisk.

A tap is made of three things: the external media channel, the snoop channel and the bridge that joins them. The first
two are asked for together, since neither needs the other; the bridge needs both up. Whatever goes wrong, and whenever
the end comes, there is one way out: RELEASE, which removes all three by their fixed ids, made or not. So what is
created is released exactly once, which the test walks through every path of the table to show. LOST before our snoop
is up is old news of an earlier tap of the same channel, whose snoop had the same id.

    IDLE ── START ──► CREATING ── one up ──► WAIT_… ── the other ──► JOINING ── JOINED ──► LIVE
                          │                     │                       │                   │
                          └──────────── STOP, FAILED, LOST ─────────────┴───────────────────┘
                                                  ▼
                                             RELEASING ── RELEASED ──► CLOSED
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from ari_bridge.errors import IllegalInput


class State(Enum):
    IDLE = auto()
    CREATING = auto()
    WAIT_SNOOP = auto()
    WAIT_MEDIA = auto()
    JOINING = auto()
    LIVE = auto()
    RELEASING = auto()
    CLOSED = auto()


class Input(Enum):
    START = auto()
    MEDIA_UP = auto()
    SNOOP_UP = auto()
    JOINED = auto()
    FAILED = auto()  # a request failed
    LOST = auto()  # a snoop went away: its channel ended, or somebody removed it
    STOP = auto()  # nobody wants the tap any more
    RELEASED = auto()


class Command(Enum):
    CREATE_MEDIA = auto()
    CREATE_SNOOP = auto()
    JOIN = auto()
    RELEASE = auto()


Transition = tuple[State, tuple[Command, ...]]

_RELEASE: Final[Transition] = (State.RELEASING, (Command.RELEASE,))
_GIVE_UP: Final[Mapping[Input, Transition]] = {Input.FAILED: _RELEASE, Input.LOST: _RELEASE, Input.STOP: _RELEASE}


def _stays(state: State, *inputs: Input) -> Mapping[Input, Transition]:
    """Late answers of requests that were under way when the state was entered."""
    return dict.fromkeys(inputs, (state, ()))


TABLE: Final[Mapping[State, Mapping[Input, Transition]]] = {
    State.IDLE: {
        Input.START: (State.CREATING, (Command.CREATE_MEDIA, Command.CREATE_SNOOP)),
        Input.STOP: (State.CLOSED, ()),
        Input.LOST: (State.IDLE, ()),
    },
    State.CREATING: {
        Input.MEDIA_UP: (State.WAIT_SNOOP, ()),
        Input.SNOOP_UP: (State.WAIT_MEDIA, ()),
        **_GIVE_UP,
        Input.LOST: (State.CREATING, ()),
    },
    State.WAIT_SNOOP: {
        Input.SNOOP_UP: (State.JOINING, (Command.JOIN,)),
        **_GIVE_UP,
        Input.LOST: (State.WAIT_SNOOP, ()),
    },
    State.WAIT_MEDIA: {Input.MEDIA_UP: (State.JOINING, (Command.JOIN,)), **_GIVE_UP},
    State.JOINING: {Input.JOINED: (State.LIVE, ()), **_GIVE_UP},
    State.LIVE: {Input.LOST: _RELEASE, Input.STOP: _RELEASE},
    State.RELEASING: {
        Input.RELEASED: (State.CLOSED, ()),
        **_stays(
            State.RELEASING,
            Input.MEDIA_UP,
            Input.SNOOP_UP,
            Input.JOINED,
            Input.FAILED,
            Input.LOST,
            Input.STOP,
        ),
    },
    State.CLOSED: _stays(State.CLOSED, Input.LOST, Input.STOP),
}


def advance(state: State, given: Input) -> Transition:
    """The next state and what is to be done. Raises `IllegalInput` for what cannot happen in that state."""
    try:
        return TABLE[state][given]
    except KeyError:
        raise IllegalInput(f"{given.name} in {state.name}") from None
