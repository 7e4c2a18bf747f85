from __future__ import annotations

from tests.ops.redis_server import redis

__all__ = ["redis"]
