"""The daemon's everyday phrases have a place in the page's catalogues, so that they can be said in another language."""

from __future__ import annotations

import itertools
import re

from ari_bridge.calls.health import NO_RTP, ONLY_ZEROS, SILENT
from ari_bridge.calls.reasons import reason_of
from ari_bridge.events import Direction
from ari_bridge.hub.coaching import WHISPER_TITLE
from ari_bridge.stt.dialect import LIMIT_REASON
from ari_bridge.stt.service import NO_CONNECTION
from tests.hub.calls import STARTED, call
from tests.webui.scripted import WEBUI

CAUSES = (None, *range(1, 128))
FAILURES = (None, "BUSY", "NOANSWER", "CONGESTION", "CHANUNAVAIL", "ANSWER")


def test_every_end_and_every_trouble_of_a_leg_can_be_translated() -> None:
    known = set(re.findall(r'"reason\.\w+": "([^"]+)"', (WEBUI / "words" / "reason.ru.js").read_text(encoding="utf-8")))
    ends = {
        reason_of(call(direction=direction, answered_at=at), cause, hung_up_by_client=by, failure=failure)
        for direction, at, cause, by, failure in itertools.product(
            Direction, (None, STARTED), CAUSES, (None, True, False), FAILURES
        )
    }
    troubles = {status.reason for status in (NO_RTP, ONLY_ZEROS, SILENT)}
    assert len(ends) > 8
    assert (ends | troubles | {LIMIT_REASON, NO_CONNECTION, WHISPER_TITLE}) - known == set()
