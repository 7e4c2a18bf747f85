"""`ari-bridge run` whose event loop stands still for five seconds at SIGUSR1, as anything that blocks it would do."""

from __future__ import annotations

import signal
import time

from ari_bridge.cli import main

BLOCKED_S = 5.0

if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: time.sleep(BLOCKED_S))
    raise SystemExit(main(["run"]))
