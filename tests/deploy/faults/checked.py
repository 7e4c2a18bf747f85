"""What `ari-bridge check` has to name."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from tests.deploy.faults.fault import Fault
from tests.deploy.faults.makers import (
    CREDENTIALS,
    DATA,
    answered,
    asterisk_stopped,
    blocked,
    changed,
    clock_apart,
    configured,
    dialplan,
    disk_full,
    done,
    fewer_streams,
    moved,
    one_key,
    port_taken,
    ports_taken,
    published,
    reloaded,
    restarted,
    service_down,
    service_hangs,
    unreachable,
    without,
)
from tests.deploy.watched import EXTENSION

UNIT: Final = "/etc/systemd/system/ari-bridge.service"
DEAD_END: Final = "[from-mango-old]\nexten => _X.,1,NoOp()\n same => n,Stasis(ari_bridge)\n same => n,Hangup()\n"
SLOW_NOTICE: Final = (
    "[from-mango-old]\nexten => _X.,1,Set(X=${CURL(http://127.0.0.1:8000/agi/call_start?id=${UNIQUEID})})\n"
    " same => n,Dial(PJSIP/1001)\n"
)
DAEMON: Final = frozenset({"daemon"})

CHECKED: Final = (
    # the network
    Fault("RTP of Asterisk is dropped", blocked("udp dport {media} drop"), "rtp", "ни одного пакета RTP"),
    Fault("ARI's port is closed", blocked("tcp dport {http} reject"), "asterisk", "не отвечает", DAEMON, quick=True),
    Fault("ARI's port swallows all", blocked("tcp dport {http} drop"), "asterisk", "не ответил", DAEMON),
    Fault("Soniox is out of reach", blocked("tcp dport {soniox} reject"), "soniox", "не отвечает"),
    Fault("OpenRouter is out of reach", blocked("tcp dport {openrouter} reject"), "openrouter", "не отвечает"),
    Fault("the provider is out of reach", unreachable("mango"), "trunks", "не на связи: PJSIP/mango"),
    Fault("no telephone is there", unreachable(EXTENSION), "operators", "ни один из 2 телефонов"),
    # Asterisk
    Fault(
        "ARI has another password",
        reloaded("ari.conf", "^password = .*", "password = another", "module reload res_ari.so"),
        "asterisk",
        "отверг имя или пароль",
        DAEMON,
        quick=True,
    ),
    Fault(
        "ARI lets us only look",
        reloaded("ari.conf", "^read_only = no", "read_only = yes", "module reload res_ari.so"),
        "rights",
        "не хватает прав",
        DAEMON | {"rtp"},
        quick=True,
    ),
    Fault(
        "Asterisk's HTTP server is off",
        reloaded("http.conf", "^enabled = yes", "enabled = no", "module reload http"),
        "asterisk",
        "не отвечает",
        DAEMON,
    ),
    Fault("no snoop module", without("res_stasis_snoop.so"), "modules", "res_stasis_snoop", DAEMON | {"rtp"}),
    Fault("no RTP channels", without("chan_rtp.so"), "modules", "chan_rtp", DAEMON | {"rtp"}),
    Fault(
        "the trunk is gone from pjsip.conf",
        restarted("pjsip.conf", r"^\[mango\]\ntype = endpoint", "[old]\ntype = endpoint", online=[EXTENSION]),
        "trunks",
        "нет транка PJSIP/mango",
        DAEMON,
    ),
    Fault("calls end where we are away", dialplan(DEAD_END), "dialplan", "никуда не идёт", quick=True),
    Fault("a notice without time-outs", dialplan(SLOW_NOTICE), "dialplan", "CURL() без тайм-аутов"),
    Fault("Asterisk stands still", asterisk_stopped, "asterisk", "не ответил", DAEMON),
    # files
    Fault("an unknown setting", configured(hub__prot=1), "settings", "hub.prot: unknown setting"),
    Fault(
        "config.toml is root's alone",
        changed(
            "/etc/ari-bridge/config.toml",
            "chown root: /etc/ari-bridge/config.toml && chmod 600 /etc/ari-bridge/config.toml",
        ),
        "settings",
        "may not read it",
    ),
    Fault(
        "the folder of settings is root's alone",
        done(
            "chmod 700 /etc/ari-bridge && chown root: /etc/ari-bridge",
            "chmod 750 /etc/ari-bridge && chown root:ari-bridge /etc/ari-bridge",
        ),
        "settings",
        "may not read it",
    ),
    Fault(
        "a key's file is missing",
        moved(f"{CREDENTIALS}/soniox.api_key"),
        "keys",
        "soniox.api_key",
        frozenset({"soniox"}),
        quick=True,
    ),
    Fault(
        "everybody reads the keys",
        done(
            f"chmod 755 {CREDENTIALS}; chmod 644 {CREDENTIALS}/*", f"chmod 700 {CREDENTIALS}; chmod 600 {CREDENTIALS}/*"
        ),
        "keys",
        "не только root",
    ),
    Fault(
        "the playbook is broken",
        changed(f"{DATA}/playbook.yaml", f"echo 'cards: [' >{DATA}/playbook.yaml"),
        "playbook",
        "playbook.yaml",
    ),
    Fault(
        "the database is root's",
        done(f"chown root: {DATA}/ari-bridge.db*", f"chown ari-bridge: {DATA}/ari-bridge.db*"),
        "database",
        "unable to open",
        frozenset({"access"}),
        quick=True,
    ),
    Fault(
        "the data is on a disk that takes nothing",
        done(f"mount --bind {DATA} {DATA} && mount -o remount,bind,ro {DATA}", f"umount -l {DATA}"),
        "database",
        "нельзя писать",
        quick=True,
    ),
    Fault("the disk is full", disk_full, "disk", "МБ"),
    Fault(
        "the unit's fences are gone",
        changed(UNIT, f"sed -i '/^Protect\\|^Restrict\\|^Private/d' {UNIT}"),
        "unit",
        "открытость",
    ),
    # the machine
    Fault("all media ports are taken", ports_taken, "media", "все порты", frozenset({"rtp", "way"})),
    Fault(
        "another machine's address for media",
        configured(media__host="192.0.2.7"),
        "media",
        "не занять",
        frozenset({"rtp", "way"}),
    ),
    Fault(
        "another trunk in config.toml", configured(ari__trunks=["PJSIP/beeline"]), "trunks", "нет транка PJSIP/beeline"
    ),
    Fault("the clock is wrong", clock_apart, "clock", "часы этой машины спешат"),
    Fault("the service is stopped", service_down, "daemon", "не запущена"),
    Fault("another program has the page's port", port_taken, "daemon", "другой программой"),
    Fault("the service hangs", service_hangs, "daemon", "завис"),
    Fault("passwords in clear text", configured(hub__host="0.0.0.0", hub__plain_http=True), "access", "без TLS"),
    Fault("a certificate of nobody's", published(attrgetter("tls_proxy")), "origin", "не примет сертификат"),
    Fault("a proxy that is not trusted", published(attrgetter("proxy")), "origin", "not in hub.trusted_proxies"),
    # the providers
    Fault("Soniox knows no such key", one_key("soniox.api_key", "wrong"), "soniox", "не принимает ключ"),
    Fault("no money at Soniox", answered("soniox", "/v1/models", 402, {}), "soniox", "закончились деньги"),
    Fault("fewer streams than set up", fewer_streams, "quota", "Soniox разрешает 4"),
    Fault("OpenRouter knows no such key", one_key("openrouter.api_key", "wrong"), "openrouter", "ключ не принят"),
    Fault(
        "OpenRouter's credit is used up",
        answered("openrouter", "/api/v1/key", 200, {"data": {"limit_remaining": 0}}),
        "openrouter",
        "не осталось средств",
        quick=True,
    ),
    Fault("a model that nobody has", configured(openrouter__models=["nobody/nothing"]), "models", "нет таких моделей"),
)
