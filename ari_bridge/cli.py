"""The commands. Exit codes: 0 all well, 1 a fault while running (or warnings of `check`), 2 it cannot work."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ari_bridge import __version__
from ari_bridge.errors import ConfigError
from ari_bridge.settings import Settings, as_json, load

MANY_FILES = 65_536
EPILOG = """\
Settings come from the environment (ARI_BRIDGE_ARI__URL=http://127.0.0.1:8088 …), from a TOML file (--config, default
/etc/ari-bridge/config.toml) and from systemd credentials. `ari-bridge check --print-config` shows the effective ones.
"""


def main(argv: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser(words).parse_args(words)
    try:
        command: Callable[[argparse.Namespace], int] = arguments.command
        return command(arguments)
    except ConfigError as error:
        print(f"ari-bridge: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ari-bridge",
        description="Live transcripts and hints for operators, beside an Asterisk PBX, without touching the call.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ari-bridge {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the daemon")
    run.add_argument(
        "--only",
        choices=("bridge", "hub"),
        help="one half of it, of several nodes: the calls (bridge) or the pages (hub); they meet at hub.bus",
    )
    run.set_defaults(command=_run)
    demo = commands.add_parser("demo", help="run the real daemon against a virtual PBX; needs no PBX, no keys, no root")
    demo.add_argument("--port", type=int, default=8000, help="the page's port (default 8000; 0: any free one)")
    demo.set_defaults(command=_demo)
    check = commands.add_parser("check", help="check what the daemon needs, one line each with the cure")
    check.add_argument(
        "--live", action="store_true", help="also send five seconds to the real recogniser and ask the real model once"
    )
    check.add_argument("--json", action="store_true", help="machine-readable")
    check.add_argument("--print-config", action="store_true", help="show the effective settings, secrets masked")
    check.add_argument(
        "--dialplan", type=Path, metavar="FILE", help="what `asterisk -rx 'dialplan show'` printed (default: ask it)"
    )
    check.set_defaults(command=_check)
    release = commands.add_parser(
        "release", help="send every party in our Stasis application back to the dialplan (for ExecStopPost)"
    )
    release.set_defaults(command=_release)
    if words[:1] != ["run"]:  # the daemon keeps no other command's code in memory
        from ari_bridge import cli_accounts, cli_asterisk, cli_rca, cli_store

        for module in (cli_accounts, cli_asterisk, cli_rca, cli_store):
            module.register(commands)
    for command in (run, check, release):
        command.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    configure_logging(settings)
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(_serve(settings, arguments.only))
    return 0


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed: a sixth less CPU, a third less memory a leg; 2 MB more without calls."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _demo(arguments: argparse.Namespace) -> int:
    from ari_bridge.demo.run import run_demo

    asyncio.run(run_demo(arguments.port))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    settings = load(arguments.config)
    if arguments.print_config:
        print(json.dumps(as_json(settings), ensure_ascii=False, indent=2))
        return 0
    from ari_bridge.ops.check import check
    from ari_bridge.ops.checks.finding import as_json as findings_as_json
    from ari_bridge.ops.checks.finding import as_text, exit_code

    dialplan = arguments.dialplan.read_text(encoding="utf-8", errors="replace") if arguments.dialplan else None
    findings = asyncio.run(check(settings, live=_clip() if arguments.live else None, dialplan=dialplan))
    print(findings_as_json(findings) if arguments.json else as_text(findings))
    return exit_code(findings)


def _clip() -> bytes:
    """Some five seconds of a client's speech, for `check --live`."""
    from ari_bridge.demo.samples import SAMPLE_RATE, load_conversations

    client = load_conversations()[0].client
    start = client.utterances[0].start
    return client.alaw[start : start + 5 * SAMPLE_RATE]


def _release(arguments: argparse.Namespace) -> int:
    from ari_bridge.asterisk.housekeeping import release

    settings = load(arguments.config)
    configure_logging(settings)
    return 0 if asyncio.run(release(settings.ari)) else 1


def configure_logging(settings: Settings) -> None:
    """To standard error, as the settings want it; their secrets never appear."""
    from ari_bridge.ops.logging import configure, secrets_of

    configure(settings.log, secrets=secrets_of(settings))


def _allow_many_files() -> None:
    """A call takes four sockets, a page one; the usual limit of 1,024 is for programs that call select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _serve(settings: Settings, only: str | None) -> None:
    import faulthandler

    faulthandler.enable()  # the watchdog's SIGABRT leaves in the journal what the daemon was busy with
    _allow_many_files()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    if only == "hub":
        from ari_bridge.hub_app import HubApp

        await HubApp(settings).run(stop)
    else:
        from ari_bridge.app import App

        await App(settings, pages=only is None).run(stop)


if __name__ == "__main__":
    raise SystemExit(main())
