"""What one client is still to be sent, with the policies for slow readers. Pure: time is an argument.

Bounds: `max_messages` and `max_bytes` of queued messages; beyond them the outbox is `overflowed`, empties itself and
takes no more (the connection is then closed with 1013). The replay (a snapshot's rest, a resume) is held by reference
and shared between clients, so it does not count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ari_bridge.hub.protocol import CoalesceKey, Message, cursor_of


class Outbox:
    def __init__(
        self,
        cursor: int = 0,
        *,
        max_messages: int = 2000,
        max_bytes: int = 512 * 1024,
    ) -> None:
        self.overflowed = False
        self.coalesced = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._queue: dict[CoalesceKey, Message] = {}  # in the order to be sent
        self._bytes = 0
        self._replay: deque[Message] = deque()
        self._replay_resumable = False
        self._sequence = cursor
        self._settled = True
        self._sent_cursor = str(cursor)

    @property
    def cursor(self) -> str:
        """Cursor of the message last taken out: the next one's `prev`."""
        return self._sent_cursor

    def begin(self, cursor: int, replay: Iterable[Message], *, resumable: bool, settled: bool = True) -> None:
        """Before anything else is taken out: the connection's first message had `cursor`, `replay` follows it.

        `resumable`: the replay is in order of sequence after `cursor` (a resume); otherwise (the rest of a
        snapshot) a client that is cut off inside it has to start again. `settled`: see `Message.settled`.
        """
        self._sequence = cursor
        self._settled = settled
        self._replay = deque(replay)
        self._replay_resumable = resumable
        self._sent_cursor = self._replay_cursor(cursor)

    def show(self, messages: Iterable[Message]) -> None:
        """All that is known of a call that this client may see from now on."""
        self._replay.extend(messages)
        self._replay_resumable = False

    def put(self, message: Message) -> None:
        if self.overflowed:
            return
        self._remove(message.key)
        self._queue[message.key] = message
        self._bytes += len(message)
        if len(self._queue) > self._max_messages or self._bytes > self._max_bytes:
            self.overflowed = True
            self._queue.clear()
            self._replay.clear()
            self._bytes = 0

    def take_batch(self, max_bytes: int) -> list[bytes]:
        """The next frames, about `max_bytes` at most; empty when there is nothing to send yet."""
        frames: list[bytes] = []
        size = 0
        while size < max_bytes and (frame := self.take()) is not None:
            frames.append(frame)
            size += len(frame)
        return frames

    def take(self) -> bytes | None:
        """The next frame, None when there is nothing to send yet."""
        if self._replay:
            return self._take_replay()
        if not self._queue:
            return None
        message = self._queue.pop(next(iter(self._queue)))
        self._bytes -= len(message)
        self._sequence = max(self._sequence, message.sequence)  # a held partial may be older than what went before it
        self._settled = message.settled
        return self._frame(message, cursor_of(self._sequence, self._settled))

    @property
    def ready(self) -> bool:
        """Whether there is something to send now."""
        return bool(self._queue or self._replay)

    def __len__(self) -> int:
        return len(self._queue) + len(self._replay)

    @property
    def queued_bytes(self) -> int:
        return self._bytes

    def _remove(self, key: CoalesceKey) -> None:
        replaced = self._queue.pop(key, None)
        if replaced is not None:
            self._bytes -= len(replaced)
            self.coalesced += 1

    def _take_replay(self) -> bytes:
        message = self._replay.popleft()
        if self._replay_resumable:
            self._sequence = message.sequence
            return self._frame(message, str(message.sequence))
        return self._frame(message, self._replay_cursor(self._sequence))

    def _replay_cursor(self, cursor: int) -> str:
        return cursor_of(cursor, self._settled and (self._replay_resumable or not self._replay))

    def _frame(self, message: Message, cursor: str) -> bytes:
        frame = message.frame(cursor, self._sent_cursor)
        self._sent_cursor = cursor
        return frame
