"""Judges a playbook's text in a process of its own: `python -m ari_bridge.hints.judge < playbook.yaml`, JSON out.

It takes a second of one processor, and people type: in the daemon's own process every live call would feel it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from contextlib import suppress
from typing import Final

from ari_bridge.errors import BridgeError
from ari_bridge.hints.compiled import Compiled, compile_playbook
from ari_bridge.hints.playbook import PlaybookError
from ari_bridge.hints.playbook_yaml import parse_playbook
from ari_bridge.hints.selftest import selftest_of
from ari_bridge.playbooks import Checked, PlaybookFault, Remark

NICE: Final = 10
WITHIN_S: Final = 30.0


def judged(text: str) -> tuple[Compiled, Checked]:
    """Ready for use, and what to say of it. Raises `PlaybookFault`."""
    try:
        playbook = parse_playbook(text)
    except PlaybookError as error:
        raise PlaybookFault(error.line, error.reason) from None
    compiled = compile_playbook(playbook)
    remarks = tuple(Remark(found.owner, line_of(text, found.owner), found.reason) for found in selftest_of(compiled))
    return compiled, Checked(playbook.company, len(playbook.cards), len(playbook.checklist), remarks)


async def judged_apart(text: str) -> Checked:
    """What there is to say of the text, found out by another process. Raises `PlaybookFault`, and `BridgeError` where
    there is no such process to be had.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            answer, _ = await process.communicate(text.encode("utf-8", "surrogatepass"))
    except TimeoutError:
        raise BridgeError("playbook_slow", "the text could not be judged in time", retryable=True) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BridgeError("playbook_unjudged", f"the judge ended with {process.returncode}", retryable=True)
    found = json.loads(answer)
    if "fault" in found:
        raise PlaybookFault(found["line"], found["fault"])
    remarks = tuple(Remark(**remark) for remark in found["selftest"])
    return Checked(found["company"], found["cards"], found["steps"], remarks)


def line_of(text: str, owner: str) -> int:
    """Where the card, the step or the section of that name begins; 0 where that cannot be told."""
    mark = re.search(rf"^\s*(?:-\s+)?(?:id:\s*[\"']?{re.escape(owner)}\b|{re.escape(owner)}:)", text, re.MULTILINE)
    return text.count("\n", 0, mark.start() + len(mark[0])) + 1 if mark else 0


def main() -> None:
    with suppress(OSError):  # the unit lets nobody change priorities (SystemCallFilter): then it is as it is
        os.nice(NICE)
    text = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
    try:
        answer = judged(text)[1].to_json()
    except PlaybookFault as fault:
        answer = {"line": fault.line, "fault": str(fault)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
