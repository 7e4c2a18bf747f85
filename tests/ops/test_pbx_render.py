from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.ops.pbx_files import sections
from ari_bridge.ops.pbx_plan import PbxPlan, Way
from ari_bridge.ops.pbx_render import Surroundings, knows_acl, quoted, render, spellings, unquoted

TEMPLATES = Path(__file__).parents[2] / "deploy" / "asterisk"
AROUND = Surroundings(
    ari_url="http://127.0.0.1:8088",
    ari_user="ari_bridge",
    ari_password="s;cret",
    app="ari_bridge",
    hub_url="http://127.0.0.1:8000",
    passwords={"1001": "one", "1002": "two"},
)
PLAN = PbxPlan(host="sip.example.ru", user="user1", numbers=("79918987423",), operators=("1001", "1002"))


def rendered(plan: PbxPlan = PLAN, around: Surroundings = AROUND) -> dict[str, str]:
    files = render(plan, around, lambda name: (TEMPLATES / name).read_text(encoding="utf-8"))
    assert not [text for text in files.values() if "{{" in text]
    return files


def test_the_files_of_an_asterisk_of_its_own() -> None:
    files = rendered()
    assert set(files) == {"http.conf", "ari.conf", "pjsip.conf", "extensions.conf", "rtp.conf"}
    assert "bindaddr = 127.0.0.1\nbindport = 8088" in files["http.conf"]
    assert "password = s\\;cret" in files["ari.conf"]
    assert "allow = alaw,ulaw" in files["pjsip.conf"]
    assert [s.kind for s in sections(files["pjsip.conf"]) if s.name == "mango"] == [
        *("registration", "auth", "aor", "identify", "endpoint")
    ]
    assert "Dial(PJSIP/1001&PJSIP/1002,60)" in files["extensions.conf"]


@pytest.mark.parametrize(
    ("way", "there", "absent"),
    [
        (Way.PASSIVE, "passive", ("Stasis(", "CURL(")),
        (Way.STASIS, "Stasis(ari_bridge)", ("CURL(",)),
        (Way.NOTICE, "Set(CURLOPT(httptimeout)=0.3)", ("Stasis(",)),
    ],
)
def test_the_ways_in_which_the_daemon_learns_of_a_call(way: Way, there: str, absent: tuple[str, ...]) -> None:
    dialplan = rendered(PLAN.model_copy(update={"way": way}))["extensions.conf"]
    assert there in dialplan
    assert not [word for word in absent if word in dialplan]


def test_the_notice_waits_before_it_asks_and_tells_of_the_end() -> None:
    dialplan = rendered(PLAN.model_copy(update={"way": Way.NOTICE}))["extensions.conf"]
    for request in ("call_start", "call_end"):
        before = dialplan[: dialplan.index(request)].rpartition("exten =>")[2]
        assert "CURLOPT(conntimeout)=0.3" in before
        assert "CURLOPT(httptimeout)=0.3" in before


def test_recording_is_asked_for() -> None:
    assert "MixMonitor(" not in rendered()["extensions.conf"].partition("[from-mango]")[2]
    assert " same => n,MixMonitor(" in rendered(PLAN.model_copy(update={"record": True}))["extensions.conf"]


def test_what_is_there_is_not_described_again() -> None:
    around = replace(AROUND, passwords={}, has_transport=True, has_rtp=True, has_general=frozenset({"http.conf"}))
    files = rendered(around=around)
    assert "rtp.conf" not in files
    assert "[general](+)" in files["http.conf"]
    assert "[general]\n" in files["ari.conf"]
    assert {s.name for s in sections(files["pjsip.conf"])} == {"mango"}
    assert "from-operators]" not in files["extensions.conf"]


def test_over_freepbx_only_what_it_leaves_to_us() -> None:
    around = replace(AROUND, freepbx=True)
    assert set(rendered(around=around)) == {"http_custom.conf", "ari_additional_custom.conf"}
    files = rendered(PLAN.model_copy(update={"way": Way.STASIS}), around)
    assert "Goto(from-trunk,${EXTEN},1)" in files["extensions_custom.conf"]
    assert [s.name for s in sections(files["ari_additional_custom.conf"])] == ["ari_bridge"]
    assert "bindaddr =" not in files["http_custom.conf"]


def test_behind_nat() -> None:
    assert (
        "external_media_address = 203.0.113.10"
        in (rendered(PLAN.model_copy(update={"external_address": "203.0.113.10"}))["pjsip.conf"])
    )


@pytest.mark.parametrize(
    ("version", "knows"),
    [((), False), ((16, 28, 0), False), ((22, 9, 0), False), ((22, 10, 1), True), ((23, 0, 0), False), ((24,), True)],
)
def test_an_acl_only_where_asterisk_takes_one(version: tuple[int, ...], knows: bool) -> None:
    assert knows_acl(version) is knows
    assert ("permit = 127.0.0.1/32" in rendered(around=replace(AROUND, version=version))["ari.conf"]) is knows


def test_no_acl_for_an_asterisk_elsewhere() -> None:
    around = replace(AROUND, version=(22, 10, 1), ari_url="http://192.0.2.1:8088")
    assert "permit" not in rendered(around=around)["ari.conf"]


def test_a_number_is_known_however_it_is_written() -> None:
    assert spellings("+79918987423") == ("79918987423", "+79918987423", "89918987423", "9918987423")
    assert spellings("4420123456") == ("4420123456", "+4420123456")


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_quoted_password_comes_back(password: str) -> None:
    assert unquoted(quoted(password)) == password
