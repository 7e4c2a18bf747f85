"""The command `asterisk-config`. Exit codes: 0 done, 1 a file could not be written, 2 none was; one line says why."""

from __future__ import annotations

import argparse
import getpass
import grp
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ari_bridge.errors import ConfigError
from ari_bridge.ops import pbx_files
from ari_bridge.ops.pbx_plan import PbxPlan, Way, plan_of
from ari_bridge.ops.pbx_render import NEW_PASSWORD, Surroundings, render
from ari_bridge.places import share
from ari_bridge.settings import Settings, load

DEFAULT_USER: Final = "ari_bridge"
ENVIRONMENT: Final = "ari-bridge.env"

HELP: Final = """\
Renders what Asterisk needs: the HTTP server and a user for ARI, the trunk, the operators' telephones, the dialplan.
Without --output it shows the files, passwords masked. With --output DIR it writes them, each into a block of its own:
whatever else stands in a file stays as it is, a copy of the file is kept beside it, and a second run changes nothing.
Over FreePBX (found by itself) only the HTTP server, the ARI user and, where wanted, a context for the trunk are
written, into *_custom.conf files.
"""


def register(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "asterisk-config",
        help="configuration files for Asterisk: ARI, trunk, telephones, dialplan",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trunk", default="mango", help="the trunk's name in Asterisk (default mango)")
    parser.add_argument("--host", required=True, metavar="HOST[:PORT]", help="the provider's SIP server")
    parser.add_argument("--user", required=True, metavar="NAME[@DOMAIN]", help="the trunk's SIP user")
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help="a file with the trunk's password; - : asked"
    )
    parser.add_argument("--did", required=True, dest="numbers", metavar="NUMBER,…", help="under which clients call")
    parser.add_argument("--operators", required=True, metavar="1001,…", help="internal numbers that ring")
    parser.add_argument(
        "--way", choices=list(Way), type=Way, default=Way.PASSIVE, help="how the daemon learns of calls"
    )
    parser.add_argument("--record", action="store_true", help="let Asterisk record the calls too (MixMonitor)")
    parser.add_argument("--bind", default="0.0.0.0:5060", metavar="ADDRESS:PORT", help="where Asterisk takes SIP")
    parser.add_argument(
        "--external-address", metavar="ADDRESS", help="the public address, where Asterisk is behind NAT"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="write the files, e.g. /etc/asterisk")
    parser.add_argument("--freepbx", action="store_true", help="write for FreePBX even where it is not found")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with the daemon's settings")
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    folder: Path | None = arguments.output
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"--output: {folder} is no folder, e.g. /etc/asterisk")
    plan = plan_of(
        **{name: getattr(arguments, name) for name in PbxPlan.model_fields if name != "trunk_password"},
        trunk_password=_trunk_password(arguments, folder),
    )
    old = _Existing(folder, arguments.freepbx)
    around = _surroundings(settings, plan, old)
    files = render(plan, around, _template)
    if folder is None:
        print("; Passwords are masked here; --output DIR writes the files.")
        for name, body in files.items():
            print(f"\n;;;;; {name}\n{pbx_files.masked(body).rstrip()}")
        return 0
    _refuse_clashes(files, old)
    code = _write(folder, files, old)
    _tell(plan, around, settings, folder, old)
    return code


class _Existing:
    """The configuration that is there, as texts by name; nothing where only a look is wanted."""

    def __init__(self, folder: Path | None, freepbx: bool) -> None:
        self.folder = folder
        self.freepbx = freepbx or (folder is not None and (folder / "extensions_additional.conf").exists())
        self.texts: dict[str, str] = {}
        for path in sorted(folder.glob("*.conf")) if folder else ():
            try:
                self.texts[path.name] = path.read_text(encoding="utf-8", errors="surrogateescape")
            except OSError as error:
                raise ConfigError(f"--output: {path} cannot be read: {error.strerror}; run it as root") from None

    def outside(self, name: str) -> str:
        return self._split(name)[0]

    def block(self, name: str) -> str:
        return self._split(name)[1]

    def _split(self, name: str) -> tuple[str, str]:
        try:
            return pbx_files.split(self.texts.get(name, ""))
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None

    def pjsip_outside(self) -> list[pbx_files.Section]:
        """Sections of every pjsip file, whoever includes it, that is not in our block."""
        return [s for name in self.texts if name.startswith("pjsip") for s in pbx_files.sections(self.outside(name))]


def _surroundings(settings: Settings, plan: PbxPlan, old: _Existing) -> Surroundings:
    ari = settings.ari
    user = ari.username or DEFAULT_USER
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", user) or user == "general":
        raise ConfigError(f"ari.username: {user!r:.60} cannot be a section of ari.conf, e.g. {DEFAULT_USER}")
    name = "ari_additional_custom.conf" if old.freepbx else "ari.conf"
    known = pbx_files.passwords(old.block(name)).get(user)
    password = ari.password.get_secret_value() if ari.password else known or secrets.token_urlsafe(24)
    if not password.isascii() or not password.isprintable() or password != password.strip():
        raise ConfigError("ari.password: must be printable ASCII without blanks around it")
    pjsip = old.pjsip_outside()
    there = {section.name for section in pjsip}
    had = pbx_files.passwords(old.block("pjsip.conf"))
    hub = settings.hub
    return Surroundings(
        ari_url=ari.url,
        ari_user=user,
        ari_password=password,
        app=ari.app,
        hub_url=f"http://{hub.host if hub.host not in ('0.0.0.0', '::') else '127.0.0.1'}:{hub.port}",
        passwords={e: had.get(e) or secrets.token_urlsafe(15) for e in plan.operators if e not in there},
        has_general=frozenset(
            name for name in old.texts if any(s.name == "general" for s in pbx_files.sections(old.outside(name)))
        ),
        has_http=pbx_files.is_on(old.outside("http.conf"), "enabled"),
        has_transport=any(section.kind == "transport" for section in pjsip),
        has_rtp=bool(old.outside("rtp.conf").strip()),
        version=_asterisk_version(),
        freepbx=old.freepbx,
    )


def _refuse_clashes(files: Mapping[str, str], old: _Existing) -> None:
    for name, body in files.items():
        if fault := pbx_files.clash(name, old.outside(name), body):
            raise ConfigError(
                f"{fault}: remove it, or choose another --trunk name or ari.username; nothing was written"
            )


def _write(folder: Path, files: Mapping[str, str], old: _Existing) -> int:
    """Each file whole or not at all; 1 where one could not be."""
    code = 0
    for name, body in files.items():
        before = old.texts.get(name)
        after = pbx_files.merge(before or "", body)
        if after == before:
            print(f"{name}: unchanged")
            continue
        try:
            kept = _replace(folder / name, after)
        except OSError as error:
            print(f"ari-bridge: {name} was not written: {error.strerror}", file=sys.stderr)
            code = 1
            continue
        print(f"{name}: written" + (f", as it was: {kept}" if kept else ""))
    return code


def _replace(path: Path, text: str) -> str | None:
    """The name under which the old file is kept. Only owner and group may read it afterwards; a link stays one."""
    path = path.resolve()
    exists = path.exists()
    kept = f"{path.name}.{datetime.now(UTC):%Y%m%d-%H%M%S}" if exists else None
    uid, gid = _owner(path)
    mode = path.stat().st_mode & 0o777 if exists else 0o640
    if uid or gid:  # otherwise it may be the world's right alone by which Asterisk can read it
        mode = mode & ~0o007 | 0o440
    part = path.with_name(f".{path.name}.ari-bridge")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(fd, uid, gid)
            os.fchmod(fd, mode)
            os.fsync(fd)
        if kept:
            shutil.copy2(path, path.with_name(kept))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return kept


def _owner(path: Path) -> tuple[int, int]:
    """Whom the file shall belong to: its owner, the folder's, or root and Asterisk's group."""
    for there in (path, path.parent):
        if there.exists() and there.stat().st_uid:
            return there.stat().st_uid, there.stat().st_gid
    try:
        return 0, grp.getgrnam("asterisk").gr_gid
    except KeyError:
        return 0, 0


def _trunk_password(arguments: argparse.Namespace, folder: Path | None) -> str | None:
    """As given, as asked for, or as it stands in our block; None: a mark to be replaced by hand."""
    source: Path | None = arguments.password_file
    if source is not None and str(source) != "-":
        try:
            return source.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--password-file: {source} cannot be read: {error}") from None
    if source is not None:
        asked = f"Password of {arguments.user} at {arguments.host}: "
        return getpass.getpass(asked) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if folder is None or not (folder / "pjsip.conf").exists():
        return None
    block = pbx_files.split((folder / "pjsip.conf").read_text(encoding="utf-8", errors="surrogateescape"))[1]
    return pbx_files.passwords(block).get(arguments.trunk)


def _tell(plan: PbxPlan, around: Surroundings, settings: Settings, folder: Path, old: _Existing) -> None:
    if settings.ari.password is None:
        _leave_environment(folder / ENVIRONMENT, around)
    if not around.freepbx and plan.trunk_password in (None, NEW_PASSWORD):
        print(f"! the trunk's password is missing: run it again with --password-file, or replace {NEW_PASSWORD}")
    known = [e for e in plan.operators if e not in around.passwords]
    if known and not around.freepbx:
        print(f"  telephones that exist already stay as they are: {', '.join(known)}")
    elif not around.freepbx:
        print("  the telephones' passwords stand in pjsip.conf, each in its [number] section")
    if f"PJSIP/{plan.trunk}" not in settings.ari.trunks and plan.way is Way.PASSIVE:
        print(f'! the daemon does not follow this trunk: set ari.trunks = ["PJSIP/{plan.trunk}"]')
    for name in old.texts:
        if name.startswith("extensions"):
            for number, line in pbx_files.replaced_lines(old.texts[name]):
                print(f"? {name}:{number}: {line:.80}  (of an older set-up? The daemon replaces it)")
    print("  now: asterisk -rx 'core reload', then: ari-bridge check")
    print("  firewall: UDP 5060 for the provider and the telephones alone, UDP 10000-20000 open, TCP 8088 closed")


def _leave_environment(path: Path, around: Surroundings) -> None:
    """For a daemon that was not installed by install.sh: the credentials, in the form that its environment takes."""
    text = f"ARI_BRIDGE_ARI__USERNAME={around.ari_user}\nARI_BRIDGE_ARI__PASSWORD={around.ari_password}\n"
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    print(f"! the daemon has no ARI password yet; {path} has it for its environment")


def _asterisk_version() -> tuple[int, ...]:
    """Of the Asterisk on this machine; empty where it cannot be told."""
    try:
        told = subprocess.run(["asterisk", "-V"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"Asterisk (\d+)\.(\d+)\.(\d+)", told)
    return tuple(int(part) for part in found.groups()) if found else ()


def _template(name: str) -> str:
    return (share("deploy") / "asterisk" / name).read_text(encoding="utf-8")
