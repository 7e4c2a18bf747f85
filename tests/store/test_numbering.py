from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.events import Leg
from ari_bridge.store.numbering import CALL_SHIFT, MOST_UTTERANCES, line_key, line_of, lines_of_call

LINES = st.tuples(st.integers(0, 2**40), st.sampled_from(Leg), st.integers(0, MOST_UTTERANCES))


@given(LINES)
def test_a_number_tells_its_line_and_lies_in_its_call_s_range(line: tuple[int, Leg, int]) -> None:
    call, leg, utterance = line
    seq = (call << CALL_SHIFT) + line_key(leg, utterance)
    assert line_of(seq) == line
    first, last = lines_of_call(call)
    assert first <= seq <= last
    assert lines_of_call(call + 1)[0] == last + 1


@pytest.mark.parametrize("utterance", [-1, MOST_UTTERANCES + 1])
def test_what_would_run_into_another_line_is_refused(utterance: int) -> None:
    with pytest.raises(ValueError, match="utterance number"):
        line_key(Leg.CLIENT, utterance)
