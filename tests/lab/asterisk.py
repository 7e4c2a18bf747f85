"""A real Asterisk of its own for a test: own folders, own ports, loopback only, nothing left behind.

Asterisk lives in a Debian root (see install.sh) and is entered by chroot inside a private mount namespace, so its
mounts vanish with its process however that ends, and several instances share one root.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.lab import LabError, asterisk_root, realtime, speech
from tests.lab.ari_probe import AriError, AriProbe
from tests.lab.ports import PortBlock

TEMPLATES = Path(__file__).with_name("etc")
RTP_PORTS = 800
AHEAD = -10  # nice value

# $1 root, $2 instance folder, which Asterisk sees as /lab
_ENTER = """
mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && mount --bind "$2" "$1/lab" || exit 125
exec chroot "$1" asterisk -f -C /lab/etc/asterisk.conf
"""


# Asterisk logs an error for each of these that is absent
EMPTY_FILES = (
    *("acl", "ccss", "cdr", "cel", "chan_websocket", "confbridge", "followme", "indications", "manager", "pjproject"),
    *("queuerules", "queues", "res_parking", "stasis", "udptl", "websocket_client"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a test may choose; the rest is in etc/.

    `phones`: the operators' extensions, four digits from 1000 on, 90 at most. `hub_port`: where the dialplan sends its
    notices; None for a port of the instance's own, on which nobody listens until a test does. `ari_general`: lines
    for the [general] section of ari.conf. `extra_pjsip`, `extra_dialplan`: text appended to the file, `{{name}}`
    replaced as in it; `[from-mango](+)` adds to a section. `without`: modules left out. `files`: further files of
    /lab/etc by name. `netns`: an existing network namespace to run in. `realtime`: with its
    telephones before all that is not.
    """

    app: str = "ari_bridge"
    phones: tuple[str, ...] = ("1001", "1002")
    hub_port: int | None = None
    ari_user: str = "bridge"
    ari_password: str = "lab-secret"
    ari_general: str = ""
    extra_pjsip: str = ""
    extra_dialplan: str = ""
    without: frozenset[str] = frozenset()
    files: Mapping[str, str] | None = None
    netns: str | None = None
    realtime: bool = False


class Asterisk:
    """One instance. `start()` returns once ARI answers; `stop()` (or leaving the `with` block) removes all traces.

    Attributes: `sip_port`, `http_port`, `hub_port`, `rtp_ports` (first, last), `ari_url`, `ari`; `trunk_port` and
    `phone_ports`, where the SIPp of the trunk (127.0.0.2) and of the operators (127.0.0.1) must listen.
    """

    def __init__(self, options: Options | None = None, *, root: Path | None = None) -> None:
        self.options = options or Options()
        self.root = root or asterisk_root()
        if not (self.root / "usr/sbin/asterisk").exists():  # renamed into place only when complete
            raise LabError(f"no Asterisk in {self.root}: run tests/lab/install.sh asterisk")
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._ports = PortBlock(RTP_PORTS + 100)
        self.sip_port, self.http_port, self.trunk_port, hub_port, *phones = range(
            self._ports.first + 1, self._ports.first + 5 + len(self.options.phones)
        )
        self.hub_port = self.options.hub_port or hub_port
        self.phone_ports = dict(zip(self.options.phones, phones, strict=True))
        self.rtp_ports = (self._ports.first + 100, self._ports.last)
        self.ari_url = f"http://127.0.0.1:{self.http_port}"
        self.ari = AriProbe(self.ari_url, self.options.ari_user, self.options.ari_password)
        self.home = Path(tempfile.mkdtemp(prefix="ari-bridge-asterisk-"))
        self._render()

    @property
    def pid(self) -> int:
        """Process id of Asterisk itself; LabError when it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise LabError("Asterisk is not running")
        return self._process.pid

    def start(self, *, boot_timeout_s: float = 30.0) -> None:
        """Starts Asterisk and waits until ARI answers with 200, which it does only when fully booted."""
        put_ahead()
        prefix = ["ip", "netns", "exec", self.options.netns] if self.options.netns else []
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "lab"]
        with (self.home / "console").open("ab") as console:
            self._process = subprocess.Popen(
                [*prefix, *enter, str(self.root), str(self.home)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        _put_session_ahead(self._process.pid)
        self._watchdog = _end_when_we_die(self._process.pid, self.home)
        deadline = time.monotonic() + boot_timeout_s
        while not self._booted():
            if self._process.poll() is not None:
                raise LabError(f"Asterisk ended with {self._process.returncode}:\n{self.log_text()[-3000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise LabError(f"Asterisk did not boot in {boot_timeout_s} s:\n{self.log_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """Ends the process, calls included; does nothing when it is not running."""
        self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> None:
        """Ends the process as a crash would."""
        self._end(signal.SIGKILL, 5.0)

    def restart(self) -> None:
        """Stops and starts on the same ports and files."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stops and gives back ports and folders."""
        self.stop()
        self._ports.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def cli(self, command: str, *, timeout_s: float = 10.0) -> str:
        """Runs a command of Asterisk's console and returns what it printed."""
        inside = ["nsenter", "--target", str(self.pid), "--mount", "--net", "--root", "--wd"]
        asterisk = ["asterisk", "-C", "/lab/etc/asterisk.conf", "-rx", command]
        return subprocess.run(
            [*inside, *asterisk], capture_output=True, text=True, timeout=timeout_s, check=True
        ).stdout

    def log_text(self) -> str:
        """Asterisk's console output and log of this instance, restarts included."""
        files = (self.home / "console", self.home / "log" / "messages")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def wait_idle(self, *, timeout_s: float = 5.0) -> None:
        """Waits until Asterisk holds neither channel nor bridge; AssertionError that lists them otherwise."""
        self.ari.wait_idle(timeout_s=timeout_s)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _booted(self) -> bool:
        try:
            return bool(self.ari.get("/asterisk/ping"))
        except (OSError, AriError):
            return False

    def _end(self, how: signal.Signals, timeout_s: float) -> None:
        process, watchdog = self._process, self._watchdog
        self._process = self._watchdog = None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout_s)
        if watchdog is not None:
            watchdog.kill()
            watchdog.wait()
            assert watchdog.stdin is not None
            watchdog.stdin.close()

    def _render(self) -> None:
        for name in ("etc", "run", "log", "spool", "varlib", "moh"):
            (self.home / name).mkdir()
        values = self._values()
        texts = {f"{name}.conf": "" for name in EMPTY_FILES}
        texts |= {path.name: path.read_text() for path in TEMPLATES.glob("*.conf")}
        texts |= self.options.files or {}
        for name, text in texts.items():
            (self.home / "etc" / name).write_text(fill(text, values))
        speech.write_tone(self.home / "moh" / "music.alaw", hz=440, seconds=4.0)

    def _values(self) -> dict[str, str]:
        module_dir = next(self.root.glob("usr/lib/**/asterisk/modules"))
        own = {
            "module_dir": f"/{module_dir.relative_to(self.root)}",
            "module_lines": "\n".join(f"load = {name}.so" for name in _modules(module_dir, self.options.without)),
            "sip_port": str(self.sip_port),
            "http_port": str(self.http_port),
            "trunk_port": str(self.trunk_port),
            "rtp_first": str(self.rtp_ports[0]),
            "rtp_last": str(self.rtp_ports[1]),
            "hub_port": str(self.hub_port),
            "app": self.options.app,
            "ari_user": self.options.ari_user,
            "ari_password": self.options.ari_password,
            "ari_general": self.options.ari_general,
            "realtime": "yes" if self.options.realtime and realtime() else "no",
        }
        phone = (TEMPLATES / "phone.template").read_text()
        own["phones"] = "".join(
            fill(phone, {"extension": extension, "port": str(port)}) for extension, port in self.phone_ports.items()
        )
        own["extra_pjsip"] = fill(self.options.extra_pjsip, own)
        own["extra_dialplan"] = fill(self.options.extra_dialplan, own)
        return own


def put_ahead() -> None:
    """Run this process, and so all that it starts from now on, ahead of what else the machine is at.

    Telephones, Asterisk and daemon alike: none gets an advantage over the other, but a neighbour that compiles makes no
    gaps in anybody's speech. Where it may not be done it is left.
    """
    for thread in Path("/proc/self/task").iterdir():  # on Linux each thread has a priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), AHEAD)
    _put_session_ahead(os.getpid())


def _put_session_ahead(pid: int) -> None:
    """Linux weighs sessions first, and a process's priority only within its own (sched(7), "autogroup")."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(AHEAD))


def inbound_number(way: str, extension: str = "1001") -> str:
    """What a client dials to reach that operator; `way`: `passive`, `stasis` or `notice`."""
    return {"passive": "7495001", "stasis": "7495002", "notice": "7495003"}[way] + extension


def outbound_number(way: str, number: str = "89001234567") -> str:
    """What an operator dials to reach that number (8 and ten digits); `way` as above."""
    return {"passive": "", "stasis": "*2*", "notice": "*3*"}[way] + number


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replaces `{{name}}`; KeyError for a name that has no value."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _modules(module_dir: Path, without: frozenset[str]) -> list[str]:
    lines = (TEMPLATES / "modules.list").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    return [name for name in wanted if name not in without and (module_dir / f"{name}.so").exists()]


def _end_when_we_die(pid: int, home: Path) -> subprocess.Popen[bytes]:
    """A small process that outlives a killed test run by just long enough to end Asterisk and remove its folder.

    It waits on a pipe that only we hold. PR_SET_PDEATHSIG would not do: it fires when the starting thread ends.
    """
    return subprocess.Popen(
        ["sh", "-c", 'cat >/dev/null; kill -KILL "$1"; rm -rf "$2"', "watchdog", str(pid), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
