"""One SIPp process: one end of one call, or of many like it.

Its scenario is a template (scenarios/*.xml), since SIPp fills no keyword into the name of the file it plays.
"""

from __future__ import annotations

import contextlib
import csv
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from tests.lab import LabError, realtime
from tests.lab.asterisk import fill
from tests.lab.ports import PortBlock

SCENARIOS = Path(__file__).with_name("scenarios")
_PAYLOAD_TYPE = {"alaw": (8, "PCMA"), "ulaw": (0, "PCMU")}


class CallFailed(AssertionError):
    """SIPp saw something else than its scenario; carries the exit code and SIPp's own words."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What SIPp counted over its whole run."""

    successful: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """What a party says: a raw G.711 file, played once or for ever."""

    file: Path
    codec: str = "alaw"
    loop: bool = False


@dataclass(slots=True, kw_only=True)
class Party:
    """One SIPp process.

    `scenario`: a file of scenarios/ without its suffix. `remote`: `host:port` to call, None to wait for a call.
    `values`: what the scenario's `{{…}}` stand for. `calls` ends the process after so many; `per_second` is the rate
    of a caller, `at_once` the most that it has at a time. `media_ports` (first, last): where this party sends RTP from
    and receives it. All calls of one process share one port there; where each call needs audio of its own, give it a
    process of its own.
    """

    scenario: str
    address: str
    audio: Audio
    values: Mapping[str, str]
    remote: str | None = None
    sip_port: int | None = None
    calls: int = 1
    per_second: float = 10.0
    at_once: int = 1000
    timeout_s: float = 60.0
    netns: str | None = None
    realtime: bool = False
    home: Path = field(init=False)
    media_ports: tuple[int, int] = field(init=False)
    _block: PortBlock = field(init=False)
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._block = PortBlock()
        self.media_ports = (self._block.first + 2, self._block.first + 89)
        if self.sip_port is None:
            self.sip_port = self._block.first + 1

    def start(self) -> None:
        """Starts SIPp; for a waiting party returns once its SIP port is open."""
        self.home = Path(tempfile.mkdtemp(prefix="ari-bridge-sipp-"))
        scenario = self.home / "scenario.xml"
        scenario.write_text(fill((SCENARIOS / f"{self.scenario}.xml").read_text(), self._values()))
        prefix = [*(realtime() if self.realtime else ()), *(("ip", "netns", "exec", self.netns) if self.netns else ())]
        with (self.home / "screen").open("wb") as screen:
            self._process = subprocess.Popen(
                [*prefix, *self._command(scenario)],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 5.0
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"SIPp did not open port {self.sip_port}:\n{self.excerpt()}")
            time.sleep(0.01)

    def wait(self, timeout_s: float | None = None) -> Stats:
        """Waits until all calls are over; CallFailed unless each went as its scenario says."""
        try:
            code = self._process.wait(timeout_s or self.timeout_s + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise CallFailed(f"{self.scenario} did not end in {timeout_s} s\n{self.excerpt()}") from None
        if code != 0:
            raise CallFailed(f"{self.scenario} ended with {code}\n{self.excerpt()}")
        return self.stats()

    @property
    def running(self) -> bool:
        """Whether calls may still be going on."""
        return self._process.poll() is None

    def stats(self) -> Stats:
        """The last row of SIPp's statistics; all zero before it wrote one."""
        file = self.home / "stats.csv"
        lines = file.read_text().splitlines() if file.exists() else []
        rows = list(csv.DictReader(lines, delimiter=";"))
        if not rows:
            return Stats(0, 0)
        return Stats(int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"]))

    def messages(self) -> str:
        """Every SIP message sent and received."""
        file = self.home / "messages.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def timeline(self) -> list[tuple[float, str]]:
        """Local time in seconds and first line of every SIP message, such as `SIP/2.0 180 Ringing`, in order."""
        found = re.findall(r"^-{20,} (\S+ \S+)\n.*\n\n(.*)$", self.messages(), re.MULTILINE)
        return [(datetime.fromisoformat(at).timestamp(), line.strip()) for at, line in found]

    def excerpt(self) -> str:
        """SIPp's errors and the end of what it sent and received."""
        errors = self.home / "errors.log"
        said = errors.read_text(errors="replace") if errors.exists() else ""
        screen = (self.home / "screen").read_text(errors="replace")
        return f"errors: {said[-2000:]}\nmessages: {self.messages()[-3000:]}\nscreen: {screen[-600:]}"

    def stop(self) -> None:
        """Ends the process, whatever its calls are at, and removes its files."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2.0)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._block.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _values(self) -> dict[str, str]:
        payload_type, encoding = _PAYLOAD_TYPE[self.audio.codec]
        own = {
            "audio": str(self.audio.file.resolve()),
            "loops": "-1" if self.audio.loop else "1",
            "payload_type": str(payload_type),
            "encoding": encoding,
        }
        return own | dict(self.values)

    def _command(self, scenario: Path) -> list[str]:
        caller = ["-r", f"{self.per_second:g}", "-l", str(self.at_once), self.remote] if self.remote else []
        return [
            *("sipp", "-sf", str(scenario), "-i", self.address, "-p", str(self.sip_port)),
            *("-mi", self.address, "-mp", str(self.media_ports[0]), "-cp", str(self._block.first + 90)),
            *("-m", str(self.calls), "-nostdin", "-timeout", f"{self.timeout_s:g}s", "-timeout_error"),
            *("-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "messages.log"),
            *("-trace_stat", "-stf", "stats.csv", "-fd", "1"),
            *caller,
        ]

    def _listens(self) -> bool:
        # the process' own view, which holds in a network namespace too
        try:
            table = Path(f"/proc/{self._process.pid}/net/udp").read_text()
        except OSError:
            return False
        return any(line.split()[1].endswith(f":{self.sip_port:04X}") for line in table.splitlines()[1:])
