"""Ways to break a VPS and to mend it again."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from urllib.parse import urlsplit

from tests.deploy.faults.fault import Make
from tests.deploy.meddler import Meddler
from tests.deploy.watched import EXTENSION, PARTIES, Watched
from tests.lab.firewall import firewall
from tests.lab.sipp import TRUNK_ADDRESS

CREDENTIALS: Final = "/etc/ari-bridge/credentials"
DATA: Final = "/var/lib/ari-bridge"
QUALIFY_TIMEOUT_S: Final = 3.0


def blocked(rule: str) -> Make:
    """A rule of nftables, `{http}` and the like replaced."""

    def make(watched: Watched) -> AbstractContextManager[None]:
        vps, asterisk = watched.vps, watched.vps.office.asterisk
        return firewall(
            rule.format(
                http=asterisk.http_port,
                media=vps.media_ports,
                stt=urlsplit(watched.soniox.url).port,
                soniox=watched.soniox_rest.port,
                openrouter=watched.openrouter_rest.port,
            )
        )

    return make


def unreachable(name: str) -> Make:
    """Nothing of Asterisk's gets to a SIP party any more; Asterisk has noticed."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        office = watched.vps.office
        trunk, telephone = office.asterisk.trunk_port, office.asterisk.phone_ports[EXTENSION]
        where = f"ip daddr {TRUNK_ADDRESS} udp dport {trunk}" if name == "mango" else f"udp dport {telephone}"
        with firewall(f"{where} drop"):
            office.asterisk.cli(f"pjsip qualify {name}")
            office.until("pjsip show contacts", rf"(?m)Contact:  {name}/\S+ +\S+ Unavail")
            yield
        time.sleep(QUALIFY_TIMEOUT_S)  # a question that is still on its way would be given up after the next answer
        watched.until_online()

    return make


@contextlib.contextmanager
def edited(watched: Watched, name: str, before: str, after: str) -> Iterator[None]:
    """A file of /etc/asterisk with `after` in the place of the first match of `before`."""
    file = watched.vps.office.etc / name
    good = file.read_text()
    wrong = re.sub(before, after, good, count=1, flags=re.MULTILINE)
    assert wrong != good, f"{name} holds no {before}"
    file.write_text(wrong)
    try:
        yield
    finally:
        file.write_text(good)


def reloaded(name: str, before: str, after: str, command: str) -> Make:
    """Such a file, read anew by that command of Asterisk's console."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        asterisk = watched.vps.office.asterisk
        with edited(watched, name, before, after):
            asterisk.cli(command)
            yield
        asterisk.cli(command)
        watched.vps.until_ready()
        watched.until_online()

    return make


def restarted(name: str, before: str, after: str, *, online: Sequence[str] = PARTIES) -> Make:
    """Such a file, with which Asterisk was started; `online`: whom it reaches all the same."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        asterisk = watched.vps.office.asterisk
        with edited(watched, name, before, after):
            asterisk.restart()
            watched.until_online(online)
            yield
        asterisk.restart()
        watched.vps.until_ready()
        watched.until_online()

    return make


def dialplan(text: str) -> Make:
    return reloaded("extensions.conf", r"\Z", f"\n{text}".replace("\\", r"\\"), "dialplan reload")


def without(module: str) -> Make:
    return restarted("modules.conf", f"^load = {module}\n", "")


@contextlib.contextmanager
def asterisk_stopped(watched: Watched) -> Iterator[None]:
    pid = watched.vps.office.asterisk.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        watched.vps.until_ready()


def configured(**more: Any) -> Make:
    """Other values in config.toml, which the service has not read yet."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        watched.vps.configure(**watched.settings | more)
        try:
            yield
        finally:
            watched.vps.configure(**watched.settings)

    return make


def published(proxy: Callable[[Watched], Meddler]) -> Make:
    """The page's address leads through that proxy."""
    return lambda watched: configured(hub__origins=[proxy(watched).url])(watched)


def done(script: str, undone: str) -> Make:
    """A script in the machine, and the one that takes it back."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        watched.vps.box.sh(script)
        try:
            yield
        finally:
            watched.vps.box.sh(undone)

    return make


def answered(provider: str, path: str, status: int, document: Any) -> Make:
    """What a provider answers at that path."""

    @contextlib.contextmanager
    def make(watched: Watched) -> Iterator[None]:
        answers = {"soniox": watched.soniox_rest, "openrouter": watched.openrouter_rest}[provider].answers
        answers[path] = (status, document)
        try:
            yield
        finally:
            del answers[path]

    return make


@contextlib.contextmanager
def fewer_streams(watched: Watched) -> Iterator[None]:
    watched.soniox.stream_limit = 4
    with configured(soniox__max_streams=10)(watched):
        yield
    watched.soniox.stream_limit = 10


@contextlib.contextmanager
def clock_apart(watched: Watched) -> Iterator[None]:
    """Everybody else's clock shows something else."""
    for provider in (watched.soniox_rest, watched.openrouter_rest):
        provider.date = "Fri, 27 Nov 2020 10:00:00 GMT"
    yield
    for provider in (watched.soniox_rest, watched.openrouter_rest):
        provider.date = None


@contextlib.contextmanager
def ports_taken(watched: Watched) -> Iterator[None]:
    first, last = map(int, watched.vps.media_ports.split("-"))
    with contextlib.ExitStack() as taken:
        for port in range(first, last + 1):
            taken.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
        yield


@contextlib.contextmanager
def disk_full(watched: Watched) -> Iterator[None]:
    box = watched.vps.box
    box.sh(f"mkdir /aside && cp -a {DATA}/. /aside && mount -t tmpfs -o size=40m,mode=755 tmpfs {DATA}")
    box.sh(f"cp -a /aside/. {DATA} && chown -R ari-bridge: {DATA}")
    try:
        yield
    finally:
        box.sh(f"umount -l {DATA} && rm -r /aside")


@contextlib.contextmanager
def service_down(watched: Watched) -> Iterator[None]:
    watched.vps.systemctl("stop", "ari-bridge")
    try:
        yield
    finally:
        watched.vps.systemctl("start", "ari-bridge")
        watched.vps.until_ready()


@contextlib.contextmanager
def port_taken(watched: Watched) -> Iterator[None]:
    vps = watched.vps
    with service_down(watched):
        holder = vps.box.begin("python3", "-m", "http.server", "--bind", "127.0.0.1", str(vps.hub_port))
        while "LISTEN" not in vps.box.sh(f"ss -ltn | grep :{vps.hub_port}", check=False):
            time.sleep(0.05)
        try:
            yield
        finally:
            vps.box.sh("kill $(grep -l http.server /proc/[0-9]*/cmdline | cut -d/ -f3)", check=False)
            holder.communicate(timeout=10)


@contextlib.contextmanager
def service_hangs(watched: Watched) -> Iterator[None]:
    """Stopped by a signal, with a watchdog that waits longer than we look."""
    vps, folder = watched.vps, "/run/systemd/system/ari-bridge.service.d"
    vps.box.sh(f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=120\\n' >{folder}/patient.conf")
    vps.box.sh("systemctl daemon-reload && systemctl restart ari-bridge")
    vps.until_ready()
    pid = vps.show("MainPID")
    vps.box.sh(f"kill -STOP {pid}")
    try:
        yield
    finally:
        vps.box.sh(f"kill -CONT {pid}; rm -r {folder}; systemctl daemon-reload && systemctl restart ari-bridge")
        vps.until_ready()


def moved(path: str) -> Make:
    return done(f"mv {path} {path}.away", f"mv {path}.away {path}")


def changed(path: str, script: str) -> Make:
    """`script` is run; then the file is as it was, owner and mode too."""
    return done(f"cp -a {path} /tmp/good && {script}", f"cp -a --remove-destination /tmp/good {path} && rm /tmp/good")


def one_key(name: str, key: str) -> Make:
    return changed(f"{CREDENTIALS}/{name}", f"echo {key} >{CREDENTIALS}/{name}")
