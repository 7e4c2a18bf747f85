from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ari_bridge import settings as module
from ari_bridge.errors import ConfigError
from ari_bridge.settings import PREFIX, Settings, as_json, load, notify_socket

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _no_file_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "DEFAULT_FILE", tmp_path / "absent.toml")


def env(**variables: str) -> dict[str, str]:
    return {PREFIX + name: value for name, value in variables.items()}


def fault(config: Path | None = None, **variables: str) -> str:
    """The one line with which the start is refused."""
    with pytest.raises(ConfigError) as caught:
        load(config, env(**variables))
    message = str(caught.value)
    assert "\n" not in message
    return message


def toml(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


LEAVES = [
    (section, name, getattr(field.default, name))
    for section, field in Settings.model_fields.items()
    for name in field.default.__class__.model_fields
]
ANYTHING_GOES = {"ari.username", "ari.password", "soniox.api_key", "openrouter.api_key", "hints.webhook_secret"}
ANYTHING_GOES |= {"soniox.model", "hints.playbook", "recording.folder"}


def test_without_anything_the_defaults_hold() -> None:
    assert load(environ={}) == Settings()
    assert list(load(environ={}).media.port_range)[::999] == [40000, 40999]


@pytest.mark.parametrize(("section", "name", "default"), LEAVES, ids=[f"{s}.{n}" for s, n, _ in LEAVES])
def test_a_nonsense_value_is_refused_with_key_fault_and_example(section: str, name: str, default: object) -> None:
    key, variable = f"{section}.{name}", f"{section}__{name}".upper()
    if key in ANYTHING_GOES:
        return
    refused = {value: fault(**{variable: value}) for value in ("\x00 nonsense", '{"a": 1}', "-1,5 !")}
    for message in refused.values():
        assert message.startswith(f"{key}: "), message
        example = re.search(rf"e\.g\. {PREFIX}{variable}='(.+)'$", message)
        assert example, message
        assert "(was " in message, "what was read is shown"
        load(environ=env(**{variable: example[1]}))


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ARI__URL", "127.0.0.1:8088", "must be a URL that begins with http:// or https://"),
        ("SONIOX__URL", "https://stt.example", "must be a URL that begins with ws:// or wss://"),
        ("ARI__TRUNKS", "PJSIP/mango", "must be a JSON list"),
        ("ARI__TRUNKS", '["mango"]', "must be TECHNOLOGY/RESOURCE"),
        ("ARI__TRUNKS", "5", "valid list"),
        ("ARI__APP", "a b", "pattern"),
        ("ARI__HEARTBEAT_S", "0", "greater than 0"),
        ("ARI__HEARTBEAT_S", "inf", "3600"),
        ("HINTS__BUDGET_PER_DAY_USD", "inf", "finite"),
        ("MEDIA__HOST", "localhost", "IPv4 or IPv6"),
        ("MEDIA__PORTS", "50000-40000", "FIRST below LAST"),
        ("MEDIA__PORTS", "80-90", "within 1024-65535"),
        ("MEDIA__SLICE_MS", "130", "multiple of 20 that divides"),
        ("MEDIA__SLICE_MS", "160", "multiple of 20 that divides"),
        ("HUB__PORT", "70000", "65535"),
        ("HUB__HOST", "no host", "must be an address or a host name"),
        ("HUB__TRUSTED_PROXIES", '["10.0.0.0/33"]', "10.0.0.0/33"),
        ("OPENROUTER__MODELS", "[]", "at least 1 item"),
        ("OPENROUTER__MODELS", '[""]', "at least 1 character"),
        ("MEDIA__HOST", "0.0.0.0", "that Asterisk can send to"),
        ("MEDIA__PORTS", "40001-40003", "two even ports"),
        ("HUB__ORIGINS", '["bridge.example.ru"]', "pattern"),
        ("SONIOX__LANGUAGE_HINTS", '["русский"]', "pattern"),
        ("SONIOX__DRAIN_TIMEOUT_S", "60", "2.5"),
        ("LOG__LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_what_is_wrong_is_said(variable: str, value: str, says: str) -> None:
    assert says in fault(**{variable: value})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "bridge.example.ru", "localhost", "::1"])
def test_the_page_may_be_bound_to_names_and_addresses(host: str) -> None:
    assert load(environ=env(HUB__HOST=host)).hub.host == host


def test_a_level_may_be_written_in_any_case() -> None:
    assert load(environ=env(LOG__LEVEL="INFO")).log.level == "info"


# Unknown keys


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("ARI__PASWORD", "ARI_BRIDGE_ARI__PASSWORD"),
        ("SONIX__API_KEY", "ARI_BRIDGE_SONIOX"),
        ("HUB__PORT__X", "ARI_BRIDGE_HUB__PORT"),
        ("NONSENSE", "ARI_BRIDGE_"),
    ],
)
def test_an_unknown_variable_is_refused_and_the_likely_one_named(variable: str, meant: str) -> None:
    message = fault(**{variable: SECRET})
    assert message.startswith(f"{PREFIX}{variable}: unknown setting; did you mean {meant}")
    assert SECRET not in message


def test_variables_of_others_are_none_of_our_business() -> None:
    assert load(environ={"PATH": "/bin", "ARI_URL": "x"}) == Settings()


def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    assert fault(toml(tmp_path, "[ari]\nurll = 'x'\n")).startswith("ari.urll: unknown setting")
    assert fault(toml(tmp_path, "[arii]\nurl = 'x'\n")).startswith("arii: unknown setting")
    assert fault(toml(tmp_path, "ari = 5\n")).startswith("ari: ")


# Which source wins


def test_environment_beats_credentials_beat_the_file_beat_the_defaults(tmp_path: Path) -> None:
    config = toml(tmp_path, "[ari]\nurl='http://file:1'\nusername='file'\npassword='file'\n[log]\nlevel='debug'\n")
    (tmp_path / "ari.username").write_text("credential\n", encoding="utf-8")
    (tmp_path / "ari.password").write_text("credential\n", encoding="utf-8")
    found = load(config, {"CREDENTIALS_DIRECTORY": str(tmp_path), **env(ARI__PASSWORD="environment")})
    assert found.ari.url == "http://file:1"
    assert found.ari.username == "credential"
    assert found.ari.password == SecretStr("environment")
    assert (found.log.level, found.log.format, found.ari.app) == ("debug", "auto", "ari_bridge")


def test_a_variable_of_a_whole_section_is_json() -> None:
    found = load(environ=env(ARI='{"app": "other", "trunks": ["PJSIP/a"]}', ARI__APP="mine"))
    assert (found.ari.app, found.ari.trunks) == ("mine", ("PJSIP/a",))


def test_names_of_variables_may_be_in_small_letters() -> None:
    assert load(environ={"ari_bridge_hub__port": "8123"}).hub.port == 8123


def test_the_default_file_is_read_where_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEFAULT_FILE", toml(tmp_path, "[hub]\nport = 8123\n"))
    assert load(environ={}).hub.port == 8123
    assert load(environ=env(HUB__PORT="8124")).hub.port == 8124


def test_a_file_that_was_asked_for_must_be_readable(tmp_path: Path) -> None:
    assert "No such file" in fault(tmp_path / "none.toml")
    assert "Is a directory" in fault(tmp_path)


@pytest.mark.parametrize("text", ["[ari\n", "ari.url = \n", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    message = fault(path)
    assert str(path) in message
    assert "not valid TOML" in message


def test_a_credential_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "soniox.api_key").write_bytes(b"\xff\xff")
    with pytest.raises(ConfigError, match=r"soniox\.api_key: the systemd credential cannot be read"):
        load(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_an_empty_credential_means_none(tmp_path: Path) -> None:
    (tmp_path / "soniox.api_key").write_text("\n")
    (tmp_path / "config.toml").write_text('[soniox]\napi_key = "from-the-file"\n')
    key = load(tmp_path / "config.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)}).soniox.api_key
    assert key is not None
    assert key.get_secret_value() == "from-the-file"


def test_a_credential_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "no-folder").touch()
    with pytest.raises(ConfigError, match=r"ari\.username: the systemd credential cannot be read"):
        load(environ={"CREDENTIALS_DIRECTORY": str(tmp_path / "no-folder")})


def test_an_empty_variable_means_none() -> None:
    found = load(environ=env(SONIOX__API_KEY="", ARI__USERNAME=" ", HINTS__PLAYBOOK="", HINTS__WEBHOOK_URL=""))
    assert found == Settings()


# Secrets


@pytest.mark.parametrize(
    "variables",
    [
        {"ARI": f'{{"password": "{SECRET}", "nonsense": 1}}'},
        {"ARI": f'{{"password": "{SECRET}"'},
        {"ARI": f'"{SECRET}"'},
        {"ARI": f'["{SECRET}"]'},
        {"SONIOX": f'{{"api_key": ["{SECRET}"]}}'},
        {"STORE__URL": f"mysql://user:{SECRET}@db/calls"},
        {"STORE__URL": f"mysql://user:{SECRET}/{SECRET}@db/calls"},
        {"STORE__URL": f"postgresql ://user:a@{SECRET}@db/calls"},
        {"ARI__PASSWORD": SECRET, "HUB__PORT": "x"},
        {"HINTS__WEBHOOK_URL": f"ftp://user:{SECRET}@crm/"},
    ],
)
def test_no_message_tells_a_secret(variables: dict[str, str]) -> None:
    assert SECRET not in fault(**variables)


def test_a_secret_of_the_wrong_type_is_not_told(tmp_path: Path) -> None:
    assert SECRET not in fault(toml(tmp_path, f"[soniox]\napi_key = ['{SECRET}']\n"))
    assert SECRET not in fault(toml(tmp_path, f"soniox = '{SECRET}'\n"))
    assert SECRET not in fault(toml(tmp_path, f"[soniox]\napi_key = '{SECRET}\n"))


def test_what_is_printed_and_logged_masks_secrets() -> None:
    found = load(environ=env(ARI__PASSWORD=SECRET, SONIOX__API_KEY=SECRET, STORE__URL=f"postgresql://me:{SECRET}@db/x"))
    printed: dict[str, Any] = as_json(found)
    assert SECRET not in json.dumps(printed)
    assert printed["ari"]["password"] == "**********"
    assert SECRET not in repr(found.ari)
    assert found.ari.password is not None
    assert found.ari.password.get_secret_value() == SECRET


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        load(environ={}).ari.app = "other"  # type: ignore[misc]


def test_where_systemd_listens_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify_socket() is None
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/notify")
    assert notify_socket() == "/run/notify"
