"""The whole chain: the real daemon as a process of its own, between a PBX and the services' stand-ins."""

import pytest

pytest.register_assert_rewrite("tests.chain.town")
