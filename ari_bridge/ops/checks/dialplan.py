"""Whether calls go on without us: the dialplan as Asterisk's console shows it.

Only where this machine has Asterisk's console and we may use it: ARI shows no dialplan.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.settings import Settings

TIMEOUT_S: Final = 5.0
ENDS: Final = frozenset({"Hangup", "Congestion", "Busy"})
_CONTEXT: Final = re.compile(r"^\[ Context '([^']+)'")
_STEP: Final = re.compile(
    r"^\s+(?:'([^']+)'(?: \(CID match '[^']*'\))? =>)?\s*(?:\[[^\]]+\]\s+)?(\d+)\. (\w+)\((.*)\)\s*\["
)


@dataclass(frozen=True, slots=True)
class Step:
    context: str
    extension: str
    priority: int
    application: str
    data: str

    @property
    def place(self) -> str:
        return f"{self.extension}@{self.context}, шаг {self.priority}"


async def check_dialplan(settings: Settings, shown: str | None = None) -> Finding:
    """`shown`: what `dialplan show` printed to somebody who may use the console; None: ask ourselves."""
    if shown is not None:
        return judge_dialplan(shown, settings.ari.app)
    console = shutil.which("asterisk")
    if console is None:
        return Finding("dialplan", Grade.OK, "не смотрели: консоли Asterisk на этой машине нет")
    process = await asyncio.create_subprocess_exec(
        console, "-rx", "dialplan show", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        process.kill()
        await process.wait()
        return Finding("dialplan", Grade.WARNING, f"консоль Asterisk не ответила за {TIMEOUT_S:g} с")
    if process.returncode != 0:
        return Finding("dialplan", Grade.OK, "не смотрели: консоль Asterisk недоступна (запустите check от root)")
    return judge_dialplan(output, settings.ari.app)


def judge_dialplan(shown: str, app: str) -> Finding:
    """From the output of `dialplan show`."""
    own = f"stasis-{app}"  # a context that Asterisk makes for an application (res_stasis)
    steps = [step for step in read_steps(shown) if step.context != own]
    applications = {(s.context, s.extension, s.priority): s.application for s in steps}
    ours = [s for s in steps if s.application == "Stasis" and re.split(r"[,|]", s.data)[0].strip() == app]
    dead_ends = [s for s in ours if applications.get((s.context, s.extension, s.priority + 1), "Hangup") in ENDS]
    if dead_ends:
        return Finding(
            "dialplan",
            Grade.FAULT,
            f"{dead_ends[0].place}: после Stasis({app}) звонок никуда не идёт и оборвётся",
            "следующим шагом должно быть то, что соединяет, например Dial(...)",
        )
    slow = [s for s in steps if "/agi/call_" in s.data and "CURL(" in s.data and not _has_time_outs(s, steps)]
    if slow:
        return Finding(
            "dialplan",
            Grade.FAULT,
            f"{slow[0].place}: CURL() без тайм-аутов может задержать звонок на 180 с, если мы не отвечаем",
            "перед ним: Set(CURLOPT(conntimeout)=0.3) и Set(CURLOPT(httptimeout)=0.3)",
        )
    notices = sum("/agi/call_start" in step.data for step in steps)
    return Finding("dialplan", Grade.OK, f"звонки идут и без нас (Stasis: {len(ours)} мест, уведомлений: {notices})")


def _has_time_outs(step: Step, steps: list[Step]) -> bool:
    before = "".join(
        s.data
        for s in steps
        if (s.context, s.extension) == (step.context, step.extension) and s.priority < step.priority
    )
    return "CURLOPT(conntimeout)" in before and "CURLOPT(httptimeout)" in before


def read_steps(shown: str) -> Iterator[Step]:
    context = extension = ""
    for line in shown.splitlines():
        if found := _CONTEXT.match(line):
            context, extension = found[1], ""
        elif found := _STEP.match(line):
            extension = found[1] or extension
            yield Step(context, extension, int(found[2]), found[3], found[4])
