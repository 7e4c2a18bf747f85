"""A bare Debian as a provider hands it out: a root of its own (tests/lab/install.sh debian), written to memory alone,
with a booted systemd where this kernel lets one run in a namespace, otherwise without. It shares the machine's network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from tests.lab import LabError, cache_root

SUITES: Final = {(3, 11): "12", (3, 13): "13"}
"""The Debian whose Python is ours, so that wheels made here fit there."""

# $1 the Debian root, $2 a folder to mount on, $3 what becomes process 1; further: pairs of folders to show inside
_ENTER: Final = """
set -e
root=$2/root; lower=$1; init=$3; mount -t tmpfs -o size=2g tmpfs "$2"
mkdir "$2/up" "$2/work" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$2/up,workdir=$2/work" "$root"
mount -t proc proc "$root/proc"; mount -t sysfs sysfs "$root/sys"
for place in run tmp dev; do mount -t tmpfs tmpfs "$root/$place"; done
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"; mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
shift 3
while [ $# -gt 0 ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; shift 2; done
if [ "$init" = systemd ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    set -- container=lab /lib/systemd/systemd --system --unit=multi-user.target
else
    mkdir -p "$root/run/lock"
    set -- sleep infinity
fi
# no chroot: within one no user namespace can be made (PrivateUsers=)
cd "$root"; mkdir -p .outside; pivot_root . .outside; umount -l .outside
mount --make-rshared /  # as systemd wants it for credentials and sandboxes; it leaves that to what made its container
exec /usr/bin/env -i "$@"
"""


def debian_root() -> Path | None:
    """The Debian root that fits this Python; it need not exist. None where none fits."""
    release = SUITES.get(sys.version_info[:2])
    return cache_root() / f"debian-{release}" if release else None


def why_no_debian() -> str | None:
    """What keeps a box from being made here, None when nothing does."""
    root = debian_root()
    if root is None:
        return "no Debian has this Python"
    if not (root / "usr/bin/systemctl").exists() or shutil.which("unshare") is None:
        return "no bare Debian here: run tests/lab/install.sh debian"
    return None


class Box:
    """`with Box({host folder: folder inside}) as box`. `booted`: whether systemd runs in it."""

    def __init__(self, shown: Mapping[Path, str], *, boot: bool = True) -> None:
        root = debian_root()
        assert root is not None
        self.root = root
        self.booted = boot
        self._shown = [part for pair in shown.items() for part in map(str, pair)]
        self._home = Path(tempfile.mkdtemp(prefix="ari-bridge-box-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._cgroup: Path | None = None
        self.pid = 0

    def __enter__(self) -> Self:
        try:
            if self.booted and not self._start("systemd"):
                self._stop()
                self.booted = False
            if not self.booted and not self._start("sleep"):
                raise LabError("a Debian root cannot be entered here")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def run(
        self, *command: str, check: bool = True, timeout_s: float = 120, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command in the box, as root; AssertionError with all it said where it fails and `check` is set."""
        done = subprocess.run(
            self._inside(*command, env=env), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def begin(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """The same, not waited for."""
        return subprocess.Popen(
            self._inside(*command, env=env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def path(self, inside: str) -> Path:
        """A file of the box, as this process can reach it. Links in it lead astray: name what they point to."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def sh(self, script: str, *, check: bool = True, timeout_s: float = 120) -> str:
        """What a script prints."""
        return self.run("bash", "-c", script, check=check, timeout_s=timeout_s).stdout.strip()

    def _inside(self, *command: str, env: Mapping[str, str] | None) -> list[str]:
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            **(env or {}),
        }
        inside = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--root", "--wd", "--cgroup"]
        return [*inside, "env", "-i", *(f"{key}={value}" for key, value in variables.items()), *command]

    def _start(self, init: str) -> bool:
        """Whether process 1 runs."""
        prefix = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--propagation", "private"]
        if init == "systemd":
            self._cgroup = _own_cgroup(self._home.name)
            if self._cgroup is None:
                return False
            enter_cgroup = ["sh", "-c", 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"', "sh", str(self._cgroup)]
            prefix = [*enter_cgroup, *prefix, "--cgroup"]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*prefix, "sh", "-c", _ENTER, "box", str(self.root), str(self._home), init, *self._shown],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._find_init(init):
                ask = "systemctl is-system-running --wait" if init == "systemd" else "test -e /dev/fd"
                state = self.run("sh", "-c", ask, check=False, timeout_s=30).stdout.strip()
                return init != "systemd" or state in ("running", "degraded")
            time.sleep(0.05)
        return False

    def _find_init(self, init: str) -> bool:
        """Process 1 of the box, once it is what it shall be."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        for child in children.read_text().split() if children.exists() else ():
            try:
                name = Path(f"/proc/{child}/comm").read_text().strip()
            except OSError:
                continue
            self.pid = int(child)
            if name != init:
                return False
            return init != "systemd" or self.path("/run/systemd/private").exists()
        return False

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()  # --kill-child: process 1 goes with it, and with that all others
            self._process.wait()
            self._process = None
        if self._cgroup is not None:
            _remove_cgroup(self._cgroup)
            self._cgroup = None


def _own_cgroup(name: str) -> Path | None:
    """A group of the unified hierarchy for a systemd of its own; None where there is no such hierarchy."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            try:
                (made := Path(where, name)).mkdir()
            except OSError:
                return None
            return made
    return None


def _remove_cgroup(group: Path) -> None:
    """With those that systemd made in it; its processes may take a moment to be gone."""
    for _ in range(50):
        try:
            for folder in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
                folder.rmdir()
            group.rmdir()
            return
        except OSError:
            time.sleep(0.1)
