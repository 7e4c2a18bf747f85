"""A text judged in a process of its own says what the same process would."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from ari_bridge.hints.judge import judged, judged_apart
from ari_bridge.hints.playbook_file import PlaybookWatch
from ari_bridge.playbooks import PlaybookFault
from tests.hints.playbooks import SMALL
from tests.webui.pasts import HOSTILE

ODD = SMALL.replace("examples: [это дорого]", f"examples: ['{HOSTILE.replace(chr(39), '')}']")


@pytest.mark.parametrize("text", [SMALL, ODD])
async def test_the_same_as_here(text: str) -> None:
    assert await judged_apart(text) == judged(text)[1]
    assert len((await judged_apart(text)).remarks) == (text == ODD)


@pytest.mark.parametrize(
    "text", ["", "company: [", "\0", "\ud800", "[" * 50_000, SMALL.replace("kind: timing", "kind: x")]
)
async def test_the_same_fault_as_here(text: str) -> None:
    with pytest.raises(PlaybookFault) as here:
        judged(text)
    with pytest.raises(PlaybookFault) as apart:
        await judged_apart(text)
    assert (apart.value.line, str(apart.value)) == (here.value.line, str(here.value))


async def test_it_judges_too_where_priorities_may_not_be_changed() -> None:
    """As under the unit, whose filter of system calls answers EPERM."""
    refusing = "import os, errno\ndef nice(by): raise PermissionError(errno.EPERM, 'not permitted')\nos.nice = nice\n"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{refusing}from ari_bridge.hints import judge\njudge.main()"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate(SMALL.encode())
    assert process.returncode == 0
    assert json.loads(answer)["cards"] == 4


def test_what_was_written_here_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "playbook.yaml"
    path.write_text(SMALL, encoding="utf-8")
    watch = PlaybookWatch(path)
    path.write_text(SMALL + "\n", encoding="utf-8")
    watch.skip()
    assert watch.changed() is None
    path.write_text(SMALL.replace("Ромашка", "Лютик"), encoding="utf-8")
    changed = watch.changed()
    assert changed is not None
    assert changed.company == "Лютик"
