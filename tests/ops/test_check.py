"""`ari-bridge check` without an Asterisk: each line by the fault that it is there to name."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from ari_bridge.cli import main
from ari_bridge.demo.lexicon import Lexicon
from ari_bridge.demo.openrouter import OpenRouterStandIn
from ari_bridge.demo.openrouter_wire import Behaviour
from ari_bridge.demo.samples import load_conversations
from ari_bridge.demo.soniox import SonioxStandIn
from ari_bridge.errors import ConfigError
from ari_bridge.ops.check import check
from ari_bridge.ops.checks import machine, unit
from ari_bridge.ops.checks.dialplan import check_dialplan, judge_dialplan
from ari_bridge.ops.checks.finding import Finding, Grade, as_json, as_text, exit_code
from ari_bridge.ops.checks.keys import check_keys
from ari_bridge.ops.checks.machine import check_clock, check_database, check_disk, check_ports, check_recordings
from ari_bridge.ops.checks.page import check_page
from ari_bridge.ops.checks.playbook import check_playbook
from ari_bridge.ops.checks.providers import check_model, check_speech
from ari_bridge.ops.checks.release import judge_version
from ari_bridge.settings import Settings, load

Configure = Callable[..., Settings]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Settings of a machine on which nothing is wrong, but for what is given."""

    def settings(**variables: str) -> Settings:
        usual = {"STORE__URL": f"sqlite:///{tmp_path}/store.db", "ARI__URL": "http://127.0.0.1:1", "HUB__PORT": "0"}
        return load(None, {f"ARI_BRIDGE_{key}": value for key, value in {**usual, **variables}.items()})

    return settings


@pytest.fixture
async def soniox() -> AsyncIterator[SonioxStandIn]:
    async with SonioxStandIn(Lexicon.of(load_conversations())) as stand_in:
        yield stand_in


@pytest.fixture
async def openrouter() -> AsyncIterator[OpenRouterStandIn]:
    async with OpenRouterStandIn() as stand_in:
        yield stand_in


def one(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def soniox_variables(stand_in: SonioxStandIn, **more: str) -> dict[str, str]:
    return {"SONIOX__URL": stand_in.url, "SONIOX__API_URL": stand_in.api_url, "SONIOX__API_KEY": "demo", **more}


# Soniox


async def test_soniox_all_well(configure: Configure, soniox: SonioxStandIn) -> None:
    findings = await check_speech(configure(**soniox_variables(soniox)))
    assert [(finding.name, finding.grade) for finding in findings] == [("soniox", Grade.OK), ("quota", Grade.OK)]


@pytest.mark.parametrize(
    ("changes", "grade", "said"),
    [
        ({"SONIOX__API_KEY": "wrong"}, Grade.FAULT, "ключ"),
        ({"SONIOX__MODEL": "stt-rt-v0"}, Grade.FAULT, "Модель"),
        ({"SONIOX__API_KEY": ""}, Grade.WARNING, "без текста"),
        ({"SONIOX__API_URL": "http://127.0.0.1:1/v1"}, Grade.WARNING, "не отвечает"),
    ],
)
async def test_soniox_faults(
    configure: Configure, soniox: SonioxStandIn, changes: dict[str, str], grade: Grade, said: str
) -> None:
    (finding,) = await check_speech(configure(**soniox_variables(soniox, **changes)))
    assert (finding.name, finding.grade) == ("soniox", grade)
    assert said in finding.state
    assert finding.cure


async def test_fewer_streams_than_wanted(configure: Configure, soniox: SonioxStandIn) -> None:
    soniox.stream_limit = 4
    findings = await check_speech(configure(**soniox_variables(soniox, SONIOX__MAX_STREAMS="10")))
    quota = one(findings, "quota")
    assert quota.grade is Grade.WARNING
    assert "4 потоков (2 звонков" in quota.state


# OpenRouter


async def test_openrouter_all_well(configure: Configure, openrouter: OpenRouterStandIn) -> None:
    findings = await check_model(configure(OPENROUTER__URL=openrouter.url, OPENROUTER__API_KEY="demo"))
    assert [(finding.name, finding.grade) for finding in findings] == [("openrouter", Grade.OK), ("models", Grade.OK)]


@pytest.mark.parametrize(
    ("changes", "name", "grade"),
    [
        ({"OPENROUTER__API_KEY": "wrong"}, "openrouter", Grade.WARNING),
        ({"OPENROUTER__API_KEY": ""}, "openrouter", Grade.WARNING),
        ({"OPENROUTER__URL": "http://127.0.0.1:1"}, "openrouter", Grade.WARNING),
        ({"OPENROUTER__MODELS": '["nobody/nothing"]'}, "models", Grade.WARNING),
        ({"OPENROUTER__MODELS": '["nobody/nothing", "~openai/gpt-mini-latest"]'}, "models", Grade.WARNING),
    ],
)
async def test_openrouter_faults(
    configure: Configure, openrouter: OpenRouterStandIn, changes: dict[str, str], name: str, grade: Grade
) -> None:
    usual = {"OPENROUTER__URL": openrouter.url, "OPENROUTER__API_KEY": "demo"}
    finding = one(await check_model(configure(**{**usual, **changes})), name)
    assert finding.grade is grade
    assert finding.cure


@pytest.mark.parametrize(("left", "grade"), [(0, Grade.WARNING), (3, Grade.WARNING), (50, Grade.OK), (None, Grade.OK)])
async def test_credit(configure: Configure, left: float | None, grade: Grade) -> None:
    async def key(request: web.Request) -> web.Response:
        return web.json_response({"data": {"limit_remaining": left}})

    async with serving(("/key", key), ("/models", key)) as url:
        finding = one(await check_model(configure(OPENROUTER__URL=url, OPENROUTER__API_KEY="k")), "openrouter")
    assert finding.grade is grade


# The machine


async def test_a_clock_that_is_wrong_is_told_by_how_much(configure: Configure) -> None:
    async def late(request: web.Request) -> web.Response:
        return web.Response(headers={"Date": "Fri, 27 Nov 2020 10:00:00 GMT"})

    async with serving(("/", late)) as url:
        finding = await check_clock(configure(SONIOX__API_URL=url))
    assert finding.grade is Grade.WARNING
    assert "спешат" in finding.state
    assert "timedatectl" in finding.cure


async def test_nobody_to_compare_the_clock_with_is_no_fault(configure: Configure) -> None:
    away = {"SONIOX__API_URL": "http://127.0.0.1:1", "OPENROUTER__URL": "http://127.0.0.1:1"}
    assert (await check_clock(configure(**away))).grade is Grade.OK


def test_ports(configure: Configure) -> None:
    assert check_ports(configure()).grade is Grade.OK
    foreign = check_ports(configure(MEDIA__HOST="192.0.2.1"))
    assert foreign.grade is Grade.FAULT
    assert "192.0.2.1" in foreign.state
    assert "ARI_BRIDGE_MEDIA__HOST" in foreign.cure


def test_ports_that_a_daemon_at_work_has_taken_are_no_fault_unless_all_are(configure: Configure) -> None:
    with contextlib.ExitStack() as taken:
        first = next(port for port in range(20_000, 30_000, 2) if _take(taken, port) and _take(taken, port + 2))
        assert check_ports(configure(MEDIA__PORTS=f"{first}-{first + 3}")).grade is Grade.FAULT
        assert check_ports(configure(MEDIA__PORTS=f"{first}-{first + 101}")).grade is Grade.OK


def _take(stack: contextlib.ExitStack, port: int) -> bool:
    leg = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    try:
        leg.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


async def test_the_database(configure: Configure, tmp_path: Path) -> None:
    assert "при первом запуске" in (await check_database(configure())).state
    assert not (tmp_path / "store.db").exists()  # a look makes nothing
    (tmp_path / "store.db").write_bytes(b"not a database, and long enough to be looked at as one" * 100)
    finding = await check_database(configure())
    assert finding.grade is Grade.FAULT
    assert finding.cure


def test_recordings(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "выключена" in check_recordings(configure()).state
    beside = check_recordings(configure(RECORDING__ENABLED="true", STORE__URL=f"sqlite:///{tmp_path}/calls.db"))
    assert beside.grade is Grade.OK
    assert f"{tmp_path}/recordings" in beside.state
    monkeypatch.setattr(machine, "FEW_HOURS", 1 << 60)
    (tmp_path / "file").touch()
    little = check_recordings(configure(RECORDING__ENABLED="true", RECORDING__FOLDER=str(tmp_path / "a" / "b")))
    assert (little.grade, little.cure) == (
        Grade.WARNING,
        "освободите место или уменьшите ARI_BRIDGE_RECORDING__DAYS",
    )
    nowhere = check_recordings(configure(RECORDING__ENABLED="true", RECORDING__FOLDER=f"{tmp_path}/file/x"))
    assert nowhere.grade is Grade.FAULT


def test_the_disk(configure: Configure) -> None:
    assert check_disk(configure()).grade is Grade.OK
    assert "PostgreSQL" in check_disk(configure(STORE__URL="postgresql://u@127.0.0.1/x")).state


def test_a_playbook_that_cannot_be_read_is_named_with_its_line(configure: Configure, tmp_path: Path) -> None:
    assert check_playbook(configure()).grade is Grade.OK
    broken = tmp_path / "playbook.yaml"
    broken.write_text("company: Ромашка\ncards: [\n", encoding="utf-8")
    finding = check_playbook(configure(HINTS__PLAYBOOK=str(broken)))
    assert finding.grade is Grade.FAULT
    assert "playbook.yaml" in finding.state


# The keys


def test_a_key_that_the_unit_loads_and_that_is_not_there(tmp_path: Path) -> None:
    installed, given = tmp_path / "ari-bridge.service", tmp_path / "given"
    installed.write_text(
        "[Service]\nLoadCredential=ari.password:/etc/x/ari.password\nLoadCredential=a.key:/etc/x/a.key\n"
    )
    given.mkdir()
    (given / "ari.password").touch()
    finding = check_keys(installed, given)
    assert finding.grade is Grade.FAULT
    assert "нет файла /etc/x/a.key" in finding.state
    (given / "a.key").touch()
    assert check_keys(installed, given).grade is Grade.OK


@pytest.mark.parametrize("installed", [True, False])
def test_without_a_unit_or_its_folder_nothing_is_said_of_keys(tmp_path: Path, installed: bool) -> None:
    (tmp_path / "unit").write_text("LoadCredential=a.key:/etc/x/a.key\n")
    finding = check_keys(tmp_path / "unit", None) if installed else check_keys(None, tmp_path)
    assert finding.grade is Grade.OK


# The page


async def test_the_page(configure: Configure) -> None:
    findings = await check_page(configure())
    assert [(f.name, f.grade) for f in findings] == [
        ("daemon", Grade.OK),
        ("access", Grade.WARNING),
        ("origin", Grade.OK),
    ]
    assert "user add" in one(findings, "access").cure


async def test_a_service_that_is_installed_and_does_not_run(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit, "FOLDERS", (tmp_path,))
    (tmp_path / unit.UNIT).touch()
    finding = one(await check_page(configure()), "daemon")
    assert finding.grade is Grade.FAULT
    assert "systemctl start ari-bridge" in finding.cure


async def test_a_page_for_everybody_without_users_is_refused_in_advance(configure: Configure) -> None:
    assert one(await check_page(configure(HUB__HOST="0.0.0.0")), "access").grade is Grade.FAULT


def test_an_origin_that_is_no_origin(configure: Configure) -> None:
    with pytest.raises(ConfigError, match=r"hub\.origins"):
        configure(HUB__ORIGINS='["bridge.example.ru/"]')


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Somebody who takes connections and says nothing: a daemon that hangs, to whoever asks it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_daemon_that_hangs(configure: Configure, silent_port: int) -> None:
    finding = one(await check_page(configure(HUB__PORT=str(silent_port))), "daemon")
    assert finding.grade is Grade.FAULT
    assert "не отвечает" in finding.state


async def test_another_program_on_our_port(configure: Configure) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(status=404)

    async with serving(("/", hello)) as url:
        finding = one(await check_page(configure(HUB__PORT=url.rpartition(":")[2])), "daemon")
    assert finding.grade is Grade.FAULT
    assert "другой программой" in finding.state


# Asterisk's release


@pytest.mark.parametrize(
    ("version", "grade"),
    [
        ("22.10.1", Grade.OK),
        ("22.10.1+dfsg+~cs6.17.60671434-1", Grade.OK),
        ("22.11.0", Grade.OK),
        ("22.10.0", Grade.WARNING),
        ("20.20.1", Grade.OK),
        ("20.19.0", Grade.WARNING),
        ("23.3.0", Grade.WARNING),
        ("24.0.0", Grade.OK),
        ("21.12.2", Grade.WARNING),
        ("16.28.0~dfsg-0+deb11u5", Grade.WARNING),
        ("certified-20.7-cert11", Grade.OK),
        ("certified/20.7-cert10", Grade.WARNING),
        ("18.9-cert14", Grade.WARNING),
        ("GIT-master-abc", Grade.WARNING),
    ],
)
def test_releases(version: str, grade: Grade) -> None:
    assert judge_version(version).grade is grade


# The dialplan

SHOWN = """\
[ Context 'from-mango' created by 'pbx_config' ]
  '_7X.' =>         1. NoOp()                                     [extensions.conf:5]
                    2. Stasis(ari_bridge)                         [extensions.conf:6]
     [next]         3. Dial(PJSIP/1001,30)                        [extensions.conf:7]
[ Context 'notice' created by 'pbx_config' ]
  '_X.' =>          1. Set(CURLOPT(conntimeout)=0.3)              [extensions.conf:10]
                    2. Set(CURLOPT(httptimeout)=0.3)              [extensions.conf:11]
                    3. Set(IGNORED=${CURL(http://127.0.0.1:8000/agi/call_start?id=${UNIQUEID})}) [extensions.conf:12]
                    4. Dial(PJSIP/1001)                           [extensions.conf:13]

-= 2 extensions (7 priorities) in 2 contexts. =-
"""


OWN = """\
[ Context 'stasis-ari_bridge' created by 'res_stasis' ]
  '_.' =>           1. Stasis(ari_bridge)                         [res_stasis:0]
"""


def test_a_dialplan_that_goes_on_without_us() -> None:
    finding = judge_dialplan(OWN + SHOWN, "ari_bridge")
    assert finding.grade is Grade.OK
    assert "Stasis: 1 мест, уведомлений: 1" in finding.state


@pytest.mark.parametrize(
    ("gone", "place"),
    [
        ("     [next]         3. Dial(PJSIP/1001,30)                        [extensions.conf:7]\n", "_7X.@from-mango"),
        ("                    2. Set(CURLOPT(httptimeout)=0.3)              [extensions.conf:11]\n", "_X.@notice"),
    ],
)
def test_a_dialplan_that_hangs_on_us(gone: str, place: str) -> None:
    assert gone in SHOWN
    finding = judge_dialplan(SHOWN.replace(gone, ""), "ari_bridge")
    assert finding.grade is Grade.FAULT
    assert place in finding.state


def test_a_dialplan_that_hangs_up_after_us() -> None:
    assert judge_dialplan(SHOWN.replace("Dial(PJSIP/1001,30)", "Hangup()"), "ari_bridge").grade is Grade.FAULT


def test_somebody_elses_application_is_none_of_ours() -> None:
    assert judge_dialplan(SHOWN.replace("Stasis(ari_bridge)", "Stasis(other)"), "ari_bridge").grade is Grade.OK


async def test_without_a_console_nothing_is_claimed(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "не смотрели" in (await check_dialplan(configure())).state
    assert "Stasis: 1 мест" in (await check_dialplan(configure(), SHOWN)).state  # told by somebody who may use it


# As a whole


async def test_live_says_text_delay_and_cost(
    configure: Configure, soniox: SonioxStandIn, openrouter: OpenRouterStandIn
) -> None:
    settings = configure(**soniox_variables(soniox), OPENROUTER__URL=openrouter.url, OPENROUTER__API_KEY="demo")
    clip = load_conversations()[0].client
    start = clip.utterances[0].start
    findings = await check(settings, live=clip.alaw[start : start + 40_000])
    heard = one(findings, "soniox live")
    assert heard.grade is Grade.OK
    assert clip.utterances[0].words[0].text in heard.state
    answered = one(findings, "openrouter live")
    assert answered.grade is Grade.OK
    assert "$" in answered.state


async def test_live_with_a_model_that_fails(configure: Configure, openrouter: OpenRouterStandIn) -> None:
    openrouter.every(Behaviour(status=503))
    findings = await check(configure(OPENROUTER__URL=openrouter.url, OPENROUTER__API_KEY="demo"), live=b"")
    assert one(findings, "openrouter live").grade is Grade.FAULT


async def test_no_line_holds_a_secret_and_every_fault_has_a_cure(configure: Configure, soniox: SonioxStandIn) -> None:
    settings = configure(
        **soniox_variables(soniox, SONIOX__API_KEY="canary-key"), ARI__USERNAME="bridge", ARI__PASSWORD="canary-word"
    )
    findings = await check(settings)
    assert "canary" not in as_text(findings) + as_json(findings)
    assert [finding.name for finding in findings if finding.grade is Grade.FAULT and not finding.cure] == []
    assert exit_code(findings) == 2


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ARI_BRIDGE_STORE__URL", f"sqlite:///{tmp_path}/store.db")
    monkeypatch.setenv("ARI_BRIDGE_ARI__URL", "http://127.0.0.1:1")
    assert main(["check", "--json"]) == 2
    lines = json.loads(capsys.readouterr().out)
    assert {"name": "asterisk", "grade": "fault"}.items() <= lines[0].items()
    assert main(["check"]) == 2
    assert "✗ asterisk" in capsys.readouterr().out


class serving:
    """A small HTTP server with these routes; its address."""

    def __init__(self, *routes: tuple[str, Callable[[web.Request], object]]) -> None:
        self._routes = routes

    async def __aenter__(self) -> str:
        app = web.Application()
        for path, answer in self._routes:
            app.router.add_get(path, answer)  # type: ignore[arg-type]
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
