"""Settings: the only reader of the environment.

Sources, strongest first: environment (`ARI_BRIDGE_…`, nested with `__`), systemd credentials
(`$CREDENTIALS_DIRECTORY`), the TOML file (`--config`, or `/etc/ari-bridge/config.toml` where it exists), defaults.
Unknown keys and nonsense values raise `ConfigError`: one line with the key, the fault and an example.
Each object gets only its own section.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from ari_bridge.errors import ConfigError
from ari_bridge.setting_types import (
    CallShare,
    Days,
    Endpoint,
    Host,
    HttpUrl,
    Language,
    MediaHost,
    Name,
    Network,
    Origin,
    PortRange,
    RedisUrl,
    Seconds,
    Secret,
    StoreUrl,
    WebSocketUrl,
    blank_is_none,
    lower,
    no_colon,
    without_password,
)

PREFIX = "ARI_BRIDGE_"
DEFAULT_FILE = Path("/etc/ari-bridge/config.toml")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AriSettings(Section):
    url: HttpUrl = "http://127.0.0.1:8088"
    username: Annotated[str | None, BeforeValidator(blank_is_none), AfterValidator(no_colon)] = None
    password: Secret = None
    app: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "ari_bridge"
    trunks: tuple[Endpoint, ...] = ("PJSIP/mango",)
    pbx: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None  # of several with one store
    share: CallShare = "1/1"  # of the PBX's calls, where several daemons follow them, each with an `app` of its own
    request_timeout_s: Seconds = 5.0
    heartbeat_s: Seconds = 2.0  # a silent line is found within twice this
    reconnect_max_s: Seconds = 10.0


class MediaSettings(Section):
    transport: Literal["auto", "rtp", "websocket"] = "auto"  # how a leg's audio comes; auto: RTP where it arrives
    host: MediaHost = "127.0.0.1"
    ports: PortRange = "40000-40999"
    bandwidth: Literal["auto", "narrow", "wide"] = "auto"  # auto: 16 kHz where the channel's codec is wider than G.711
    frame_ms: Annotated[int, Field(ge=100, le=10_000)] = 3000
    slice_ms: Annotated[int, Field(ge=20, le=10_000)] = 100
    preroll_ms: Annotated[int, Field(ge=0, le=5000)] = 1000  # audio kept from before the answer was known

    @property
    def port_range(self) -> range:
        """The ports a leg may be given, both ends included."""
        first, last = (int(part) for part in self.ports.split("-"))
        return range(first, last + 1)

    @model_validator(mode="after")
    def _slices_fill_the_frame(self) -> Self:
        if self.slice_ms % 20 or self.frame_ms % self.slice_ms:
            raise ValueError("media.slice_ms must be a multiple of 20 that divides media.frame_ms, e.g. 100")
        return self


class SonioxSettings(Section):
    url: WebSocketUrl = "wss://stt-rt.soniox.com/transcribe-websocket"
    api_url: HttpUrl = "https://api.soniox.com/v1"
    api_key: Secret = None
    model: Annotated[str, Field(min_length=1)] = "stt-rt-v5"
    language_hints: tuple[Language, ...] = ("ru",)
    max_endpoint_delay_ms: Annotated[int, Field(ge=500, le=3000)] = 2000
    max_streams: Annotated[int, Field(ge=1)] | None = None  # None: as many as the account allows, which it tells
    requests_per_minute: Annotated[int, Field(ge=1)] = 95  # of the account's 100: five for people who look at it
    usd_per_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.12  # of an open stream, for the accounts
    ring_s: Seconds = 60.0
    drain_timeout_s: Annotated[float, Field(gt=0, le=2.5)] = 2.2  # `call_end` comes within 3 s of the hang-up
    open_at: Literal["answer", "ring"] = "answer"  # "ring": the client's stream, which takes a place while it rings
    idle_close_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0  # 0: never


class VoskSettings(Section):
    url: WebSocketUrl | None = None  # a vosk-server of one's own: recognition without any cloud, instead of Soniox
    max_streams: Annotated[int, Field(ge=1)] = 100


class OpenRouterSettings(Section):
    url: HttpUrl = "https://openrouter.ai/api/v1"
    api_key: Secret = None
    models: Annotated[tuple[Name, ...], Field(min_length=1)] = (
        "~anthropic/claude-haiku-latest",
        "~openai/gpt-mini-latest",
    )
    first_token_timeout_s: Seconds = 4.0
    total_timeout_s: Seconds = 8.0


class HintsSettings(Section):
    playbook: Annotated[Path | None, BeforeValidator(blank_is_none)] = None  # None: the bundled Russian sales playbook
    mode: Literal["full", "playbook", "text"] = "full"  # the most that operators get: all, no LLM, no hints
    budget_per_call_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.20
    budget_per_day_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 20.0
    webhook_url: Annotated[HttpUrl | None, BeforeValidator(blank_is_none)] = (
        None  # gets a JSON report of every call that is over
    )
    webhook_secret: Secret = None  # signs the reports


class HubSettings(Section):
    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    origins: tuple[Origin, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    plain_http: bool = False  # people may sign in without TLS: in a network that nobody can listen to
    session_days: Days = 7  # a session that is used goes on
    bus: RedisUrl | None = None  # several nodes show the same calls; None: this daemon is alone
    bus_prefix: Annotated[str, Field(pattern=r"^[!-~]{1,100}$")] = "ari_bridge:"  # of its keys and channels in Redis
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = (
        None  # None: the machine's name and the port
    )

    @field_serializer("bus", when_used="json")
    def _without_password(self, url: str | None) -> str | None:
        return url and without_password(url)


class StoreSettings(Section):
    url: StoreUrl = "sqlite:///var/ari-bridge.db"
    calls_days: Days = 90  # a call and all that belongs to it
    speech_days: Days = 90  # what was said, and the summary
    hints_days: Days = 90
    incidents_days: Days = 90
    costs_days: Days = 90
    audit_days: Days = 365  # who looked at what
    mask_history: Literal["off", "speech", "all"] = "speech"  # personal data in past calls; all: telephone numbers too

    @field_serializer("url", when_used="json")
    def _without_password(self, url: str) -> str:
        return without_password(url)


class RecordingSettings(Section):
    enabled: bool = False  # tell both parties that you record before you turn it on
    folder: Annotated[Path | None, BeforeValidator(blank_is_none)] = None  # None: `recordings` beside the database
    days: Days = 90


class SwitchSettings(Section):
    """Leaves something out for calls that meet every condition which is set; without any, for all."""

    off: Annotated[tuple[Literal["stt", "llm", "hints", "recording"], ...], Field(min_length=1)]
    trunks: tuple[Endpoint, ...] = ()
    numbers: tuple[Annotated[str, Field(pattern=r"^\+?[\d ()-]{5,20}$")], ...] = ()  # the client's
    operators: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class PolicySettings(Section):
    switches: tuple[SwitchSettings, ...] = ()


class StandbySettings(Section):
    """A second daemon for the same PBX, which takes over when the first one dies. Both need one store."""

    redis: RedisUrl | None = None  # where the lease is kept; None: there is no other daemon
    key: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] = "ari_bridge:driver"  # one for each PBX
    ttl_s: Annotated[float, Field(ge=1, le=60)] = 3.0  # a dead daemon is replaced after this and a third of it

    @field_serializer("redis", when_used="json")
    def _without_password(self, url: str | None) -> str | None:
        return url and without_password(url)


class AgiSettings(Section):
    allow: tuple[Network, ...] = ("127.0.0.1",)


class LogSettings(Section):
    format: Literal["auto", "json", "console"] = "auto"
    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)] = "info"


class Settings(BaseSettings):
    """Everything that can be set; see DESIGN.md's table and `deploy/config.toml`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    ari: AriSettings = AriSettings()
    media: MediaSettings = MediaSettings()
    soniox: SonioxSettings = SonioxSettings()
    vosk: VoskSettings = VoskSettings()
    openrouter: OpenRouterSettings = OpenRouterSettings()
    hints: HintsSettings = HintsSettings()
    hub: HubSettings = HubSettings()
    store: StoreSettings = StoreSettings()
    recording: RecordingSettings = RecordingSettings()
    policy: PolicySettings = PolicySettings()
    standby: StandbySettings = StandbySettings()
    agi: AgiSettings = AgiSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """All sources are merged by `load`, which passes the outcome in."""
        return (init_settings,)


class _Environment(EnvSettingsSource):
    """pydantic-settings' reading of `ARI_BRIDGE_SECTION__KEY`, from a mapping that is an argument."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items()}


EXAMPLES = {
    "vosk.url": "ws://127.0.0.1:2700",
    "soniox.max_streams": "10",
    "vosk.max_streams": "100",
    "ari.username": "ari_bridge",
    "hints.playbook": "/etc/ari-bridge/playbook.yaml",
    "hints.webhook_url": "https://crm.example.ru/calls",
    "hub.origins": '["https://bridge.example.ru"]',
    "hub.trusted_proxies": '["127.0.0.1"]',
    "log.format": "json",
    "recording.enabled": "true",
    "standby.redis": "redis://127.0.0.1:6379/0",
    "hub.bus": "redis://127.0.0.1:6379/0",
    "hub.node": "office-1",
    "ari.pbx": "office",
    "ari.share": "1/2",
    "policy.switches": '[{"trunks": ["PJSIP/mango"], "off": ["stt", "llm"]}]',
    "recording.folder": "/var/lib/ari-bridge/recordings",
}
"""Where the default is no good example."""


def load(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The effective settings.

    `config` must exist when given. Raises `ConfigError` with one line; values of secrets never appear in it.
    """
    environ = os.environ if environ is None else environ
    _refuse_unknown_variables(environ)
    merged = _merge(_read_file(config), _read_credentials(environ))
    try:
        return Settings(**_merge(merged, _Environment(environ)()))
    except ValidationError as error:
        raise ConfigError(_one_line(error)) from None
    except ValueError as error:  # pydantic-settings: a list or object that is not JSON
        raise ConfigError(_undecodable(error, environ)) from None


def notify_socket() -> str | None:
    """Where systemd wants to be told of us (sd_notify(3)); None outside a unit of `Type=notify`."""
    return os.environ.get("NOTIFY_SOCKET")


def watchdog_s(environ: Mapping[str, str] | None = None) -> float | None:
    """How long systemd bears to hear nothing (`WatchdogSec=`, sd_watchdog_enabled(3)); None where it does not watch."""
    text = (os.environ if environ is None else environ).get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) else None


def credentials_folder(environ: Mapping[str, str] | None = None) -> Path | None:
    """Where systemd, or the installed command in its place, put copies of the keys; None where neither did."""
    folder = (os.environ if environ is None else environ).get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def as_json(settings: Settings) -> dict[str, Any]:
    """The effective settings for `check --print-config`; secrets are masked as `**********`."""
    return settings.model_dump(mode="json")


def _read_file(config: Path | None) -> dict[str, Any]:
    path = config or DEFAULT_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except PermissionError:
        raise ConfigError(
            f"config file {path}: the user that runs this may not read it; where that is the service: "
            f"chown root:ari-bridge {path.parent} {path} && chmod 750 {path.parent} && chmod 640 {path}"
        ) from None
    except OSError as error:
        if config is None and isinstance(error, FileNotFoundError):
            return {}
        raise ConfigError(f"config file {path}: {error.strerror}; give a readable TOML file with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f'config file {path}: not valid TOML: {error}; e.g. [ari] then url = "http://127.0.0.1:8088"'
        ) from None


def _read_credentials(environ: Mapping[str, str]) -> dict[str, Any]:
    """systemd's `LoadCredential=soniox.api_key:…` gives a file of that name in `$CREDENTIALS_DIRECTORY`."""
    folder = credentials_folder(environ)
    found: dict[str, Any] = {}
    for key in ("ari.username", "ari.password", "soniox.api_key", "openrouter.api_key", "hints.webhook_secret"):
        if not folder:
            break
        section, name = key.split(".")
        try:
            value = (folder / key).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{key}: the systemd credential cannot be read: {error}") from None
        if value:  # an empty file means: none, and must not hide what another source says
            found.setdefault(section, {})[name] = value
    return found


def _merge(weak: dict[str, Any], strong: dict[str, Any]) -> dict[str, Any]:
    merged = dict(weak)
    for key, value in strong.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    for variable in sorted(environ):
        if not variable.upper().startswith(PREFIX):
            continue
        section, _, name = variable.upper().removeprefix(PREFIX).lower().partition("__")
        field = Settings.model_fields.get(section)
        fields: Mapping[str, Any] = getattr(field.annotation, "model_fields", {}) if field else {}
        if field and (not name or name in fields):
            continue
        known = sorted(_variable(f"{section}.{key}") for key in fields) or sorted(
            _variable(k) for k in Settings.model_fields
        )
        from difflib import get_close_matches

        near = get_close_matches(variable.upper(), known, n=1, cutoff=0.0)
        raise ConfigError(f"{variable}: unknown setting; did you mean {near[0]}?")


def _variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown setting (remove it, or see `ari-bridge check --print-config` for those there are)"
    fault = first["msg"].removeprefix("Value error, ").replace("valid tuple", "valid list")
    return f"{key or 'settings'}: {fault}{_was(key, first['input'])}{_example(key)}"


def _undecodable(error: ValueError, environ: Mapping[str, str]) -> str:
    """pydantic-settings names only the section; find the variable whose JSON is broken."""
    for variable in sorted(environ):
        key = variable.upper().removeprefix(PREFIX).replace("__", ".").lower()
        if not variable.upper().startswith(PREFIX):
            continue
        if isinstance(_default(key), tuple) and not _is_json(environ[variable]):
            return f"{key}: must be a JSON list{_was(key, environ[variable])}{_example(key)}"
        if key in Settings.model_fields and not _is_json(environ[variable]):
            return f"{key}: must be a JSON object; or set its members one by one, e.g. {_variable(key)}__…"
    return f"environment: {error}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _was(key: str, value: object) -> str:
    """What stood there; nothing where it is a secret or may hold one."""
    if "." not in key or key.endswith(("password", "api_key", "secret")):
        return ""
    shown = re.sub(r"//\S*@", "//**********@", str(value))[:80]
    return f" (was {shown!r})"


def _example(key: str) -> str:
    default = _default(key)
    example = EXAMPLES.get(key)
    if example is None and isinstance(default, tuple | bool):
        example = json.dumps(default)
    elif example is None and default is not None:
        example = str(default)
    return f", e.g. {_variable(key)}='{example}'" if example else ""


def _default(key: str) -> Any:
    """The default of `section.name`; None for an unknown key too."""
    section, _, name = key.partition(".")
    field = Settings.model_fields.get(section)
    return getattr(field.default, name, None) if field else None
