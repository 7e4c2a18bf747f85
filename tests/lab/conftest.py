"""The laboratory tests itself with its own fixtures."""

from tests.lab.conftest_plugin import asterisk, shared_asterisk

__all__ = ["asterisk", "shared_asterisk"]
