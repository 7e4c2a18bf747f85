"""Writes and says what it was allowed to show, until it is killed: `python -m tests.store.killed FILE`."""

from __future__ import annotations

import asyncio
import sys

from ari_bridge.events import CallStarted, Event, Leg, Transcript
from ari_bridge.settings import StoreSettings
from ari_bridge.store.opening import open_store
from ari_bridge.store.recorder import Recorder
from tests.store.talk import ringing, said

CALLS = 10


def show(event: Event) -> None:
    if isinstance(event, Transcript):
        sys.stdout.write(f"{event.call_id} {event.utterance}\n")
        sys.stdout.flush()


async def main(path: str) -> None:
    recorder = Recorder(open_store(StoreSettings(url=f"sqlite:///{path}")), lambda component, status: None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recorder.serve(), name="recorder")
        for call in range(CALLS):
            recorder.publish_after(CallStarted(ringing(f"c{call}")), show)
        for utterance in range(1, 1 << 18):
            for call in range(CALLS):
                recorder.publish_after(said(f"Слово {utterance}", utterance, f"c{call}", Leg.CLIENT), show)
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
