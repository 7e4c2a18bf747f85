from __future__ import annotations

import pytest

from ari_bridge.asterisk.client import AriError
from ari_bridge.asterisk.faults import MOST_LISTED, explain, missing_modules, module_missing, trunks_missing
from ari_bridge.events import ComponentState
from ari_bridge.settings import AriSettings

SETTINGS = AriSettings.model_validate({"username": "bridge", "url": "http://pbx:8088"})


@pytest.mark.parametrize(
    ("code", "cause", "cure"),
    [
        ("ari_unauthorized", "«bridge» (401)", "ARI_BRIDGE_ARI__PASSWORD"),
        ("ari_forbidden", "не хватает прав (403)", "read_only"),
        ("ari_unreachable", "http://pbx:8088", "http.conf"),
        ("ari_timeout", "не ответил за 5 с", "taskprocessors"),
        ("ari_unavailable", "загружается (503)", "сами"),
        ("ari_not_found", "нет ARI (404)", "res_ari.so"),
        ("ari_malformed", "отвечает не ARI", "без /ari"),
        ("ari_replaced", "«ari_bridge» занял другой процесс", "ARI_BRIDGE_ARI__APP"),
        ("ari_deaf", "не знает приложения Stasis «ari_bridge»", "заново"),
        ("ari_internal", "ошибка ari_bridge", "в журнале"),
        ("ari_closed", "прервалась: why", "сами"),
        ("ari_refused", "прервалась: why", "журнал"),
    ],
)
def test_every_fault_has_a_cause_and_a_cure(code: str, cause: str, cure: str) -> None:
    status = explain(AriError(code, "why"), SETTINGS)
    assert status.state is ComponentState.DOWN
    assert cause in (status.reason or "")
    assert cure in (status.action or "")


def test_without_a_user_name_that_is_what_is_said() -> None:
    status = explain(AriError("ari_unauthorized", "why", status=401), AriSettings())
    assert "не заданы" in (status.reason or "")
    assert "ARI_BRIDGE_ARI__USERNAME" in (status.action or "")


def test_modules_that_do_not_run_are_missing() -> None:
    listing = [{"name": "a.so", "status": "Running"}, {"name": "b.so", "status": "Not Running"}, {"name": "c.so"}, 5]
    assert missing_modules(listing, ("a.so", "b.so", "c.so", "d.so")) == ["b.so", "d.so"]
    assert missing_modules({"message": "no"}, ("a.so",)) == [], "what cannot be read proves nothing"
    status = module_missing(["b.so", "d.so"])
    assert status.state is ComponentState.DOWN
    assert "b.so, d.so" in (status.reason or "")
    assert "module load b.so" in (status.action or "")


def endpoint(resource: str, technology: str = "PJSIP") -> dict[str, str]:
    return {"technology": technology, "resource": resource, "state": "online"}


def test_trunks_that_exist_are_no_fault_whatever_their_case() -> None:
    listing = [endpoint("mango"), endpoint("1001")]
    assert trunks_missing(listing, ("PJSIP/mango", "pjsip/MANGO")) is None
    assert trunks_missing(listing, ()) is None
    assert trunks_missing({"message": "no"}, ("PJSIP/a",)) is None


def test_a_trunk_that_does_not_exist_is_named_beside_those_that_do() -> None:
    status = trunks_missing([endpoint("mango"), endpoint("1001"), {"x": 1}, 5], ("PJSIP/beeline", "PJSIP/mango"))
    assert status is not None
    assert status.state is ComponentState.DEGRADED
    assert status.reason == "в Asterisk нет транка PJSIP/beeline; есть: PJSIP/1001, PJSIP/mango"
    assert "ARI_BRIDGE_ARI__TRUNKS" in (status.action or "")


def test_a_long_list_of_endpoints_is_cut() -> None:
    status = trunks_missing([endpoint(f"{n:03}") for n in range(MOST_LISTED + 1)], ("PJSIP/a",))
    assert status is not None
    assert (status.reason or "").endswith(f"PJSIP/{MOST_LISTED - 1:03} …")
    nothing = trunks_missing([], ("PJSIP/a",))
    assert nothing is not None
    assert "ни одного" in (nothing.reason or "")
