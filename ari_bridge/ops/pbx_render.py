"""Asterisk's configuration for the daemon, from the templates of `deploy/asterisk/`. Pure: texts in, texts out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ari_bridge.ops.pbx_plan import PbxPlan, Way


def knows_acl(version: tuple[int, ...]) -> bool:
    """Whether ari.conf may hold an ACL (seen in 22.10): where it is an unknown option, Asterisk refuses the file."""
    return version[:1] >= (24,) or (22, 10) <= version < (23,)


NEW_PASSWORD = "CHANGE-ME"
AFTER_NOTICE = 'exten => h,1,ExecIf($["${ARI_BRIDGE_NOTICED}" = "1"]?Gosub(ari-bridge-notice,end,1))'


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is not the plan's: the daemon's own settings, and what the PBX has already.

    `passwords` are the telephones', by extension; operators without one are not described (they exist already).
    `has_general`: names of files of which a `[general]` section exists already, so that ours adds to it; the other
    `has_…`: what is described already, of an HTTP server that runs, a transport, a range of RTP ports.
    """

    ari_url: str
    ari_user: str
    ari_password: str
    app: str
    hub_url: str
    passwords: Mapping[str, str] = field(default_factory=dict)
    has_general: frozenset[str] = frozenset()
    has_http: bool = False
    has_transport: bool = False
    has_rtp: bool = False
    version: tuple[int, ...] = ()
    freepbx: bool = False


Template = Callable[[str], str]
"""The text of a template by its file name."""


def render(plan: PbxPlan, around: Surroundings, template: Template) -> dict[str, str]:
    """What belongs into each file of /etc/asterisk, by its name."""
    if around.freepbx:
        return _freepbx(plan, around, template)
    files = {
        "http.conf": _fill(template("http.conf"), _http(around)),
        "ari.conf": _fill(template("ari.conf"), _ari(around)),
        "pjsip.conf": _pjsip(plan, around, template),
        "extensions.conf": _dialplan(plan, around, template),
    }
    return files if around.has_rtp else files | {"rtp.conf": template("rtp.conf")}


def _freepbx(plan: PbxPlan, around: Surroundings, template: Template) -> dict[str, str]:
    """Only files that FreePBX leaves to us. It has its own server, trunk and telephones, and in passive operation the
    dialplan stays as it is."""
    http = _http(around) | {"general": "[general](+)", "bind": "; bindaddr and bindport: Advanced Settings of FreePBX"}
    ari = re.sub(r"\A.*?(?=\[\{\{ari_user)", "", template("ari.conf"), flags=re.DOTALL)
    files = {
        "http_custom.conf": _fill(template("http.conf"), http),
        "ari_additional_custom.conf": _fill(ari, _ari(around)),
    }
    if plan.way is not Way.PASSIVE or plan.record:
        text = _fill(template("extensions-freepbx.conf"), _ways(plan, around))
        files["extensions_custom.conf"] = text + _notice(plan, around, template)
    return files


def _http(around: Surroundings) -> dict[str, str]:
    """An HTTP server that runs already stays where it is: telephones in browsers may need it."""
    url = urlsplit(around.ari_url)
    ours = (
        f"; this machine alone: port {url.port or 8088} must never be open to the world\n"
        f"bindaddr = {url.hostname}\nbindport = {url.port or 8088}"
    )
    theirs = "; bindaddr and bindport stay as they are: close their ports to the world in the firewall"
    return {"general": _general("http.conf", around), "bind": theirs if around.has_http else ours}


def _ari(around: Surroundings) -> dict[str, str]:
    allowed = knows_acl(around.version) and urlsplit(around.ari_url).hostname in ("127.0.0.1", "localhost")
    return {
        "general": _general("ari.conf", around),
        "ari_user": around.ari_user,
        "ari_password": quoted(around.ari_password),
        "ari_acl": "deny = 0.0.0.0/0\npermit = 127.0.0.1/32" if allowed else "; known by its password alone",
    }


def _general(name: str, around: Surroundings) -> str:
    return "[general](+)" if name in around.has_general else "[general]"


def _pjsip(plan: PbxPlan, around: Surroundings, template: Template) -> str:
    outside = plan.external_address
    trunk = {
        "bind": plan.bind,
        "external": f"external_media_address = {outside}\nexternal_signaling_address = {outside}\n"
        "local_net = 10.0.0.0/8\nlocal_net = 172.16.0.0/12\nlocal_net = 192.168.0.0/16\nlocal_net = 127.0.0.0/8"
        if outside
        else "; behind NAT: render again with --external-address",
        "trunk": plan.trunk,
        "host": plan.host_name,
        "host_port": plan.host,
        "user": plan.user_name,
        "domain": plan.domain,
        "contact_user": plan.numbers[0].removeprefix("+"),
        "trunk_password": quoted(plan.trunk_password or NEW_PASSWORD),
    }
    transport = "" if around.has_transport else _fill(template("pjsip-transport.conf"), trunk)
    telephone = template("pjsip-operator.conf")
    telephones = [
        _fill(telephone, {"extension": extension, "operator_password": quoted(password)})
        for extension, password in around.passwords.items()
    ]
    return transport + _fill(template("pjsip.conf"), trunk) + "".join(telephones)


def _dialplan(plan: PbxPlan, around: Surroundings, template: Template) -> str:
    values = _ways(plan, around)
    telephones = _fill(template("extensions-operators.conf"), values) if around.passwords else ""
    text = _fill(template("extensions.conf"), values | {"telephones": telephones})
    return text + _notice(plan, around, template)


def _notice(plan: PbxPlan, around: Surroundings, template: Template) -> str:
    if plan.way is not Way.NOTICE:
        return ""
    return _fill(template("extensions-notice.conf"), {"hub": around.hub_url})


def _ways(plan: PbxPlan, around: Surroundings) -> dict[str, str]:
    before = {
        Way.PASSIVE: "; passive: the daemon learns of the call from Asterisk itself, nothing is needed here",
        Way.STASIS: f" same => n,Stasis({around.app})  ; handed back at once; not running: the call goes on",
        Way.NOTICE: " same => n,Gosub(ari-bridge-notice,start,1)",
    }[plan.way]
    if plan.record:
        before += "\n same => n,MixMonitor(${STRFTIME(${EPOCH},,%Y%m%d-%H%M%S)}-${UNIQUEID}.wav,b)"
    return {
        "trunk": plan.trunk,
        "way": plan.way,
        "before": before,
        "after": AFTER_NOTICE if plan.way is Way.NOTICE else "",
        "did": plan.numbers[0].removeprefix("+"),
        "numbers": "\n".join(
            f"exten => {spelling},1,Goto(from-{plan.trunk}-operators,{number.removeprefix('+')},1)"
            for number in plan.numbers
            for spelling in spellings(number)
        ),
        "operators": "&".join(f"PJSIP/{extension}" for extension in plan.operators),
        "internal": "\n".join(
            f"exten => {extension},1,Dial(PJSIP/{extension},60)\n same => n,Hangup()" for extension in plan.operators
        ),
    }


def spellings(number: str) -> tuple[str, ...]:
    """How a provider may write that number; Russian ones with +7, 7, 8 or nothing before the ten digits."""
    digits = number.removeprefix("+")
    if len(digits) == 11 and digits[0] in "78":
        return tuple(prefix + digits[1:] for prefix in ("7", "+7", "8", ""))
    return (digits, f"+{digits}")


def quoted(value: str) -> str:
    """A value for Asterisk's files: an unescaped semicolon would begin a comment."""
    return value.replace(";", "\\;")


def unquoted(value: str) -> str:
    return value.replace("\\;", ";")


def _fill(template: str, values: Mapping[str, str]) -> str:
    filled = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)
    return re.sub(r"\n{3,}", "\n\n", filled)
