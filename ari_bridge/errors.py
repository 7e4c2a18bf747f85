"""The error tree: whose fault an error is shows in its type.

A peer's nonsense is an event or a counter, never one of these. `ConfigError` is the operator's of the machine,
`BridgeError` a dependency's, `IllegalInput` our own.
"""

from __future__ import annotations


class AriBridgeError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(AriBridgeError):
    """The settings cannot work; the message is one line that names the key, the fault and an example."""


class IllegalInput(AriBridgeError):
    """A programming fault: an input that this state machine or function must never be given."""


class BridgeError(AriBridgeError):
    """A dependency failed.

    `code` is a stable word for logs and metrics (`ari_unauthorized`); `retryable` says whether asking again can help.
    """

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
