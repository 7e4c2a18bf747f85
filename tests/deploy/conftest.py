from tests.chain.conftest import conversations

__all__ = ["conversations"]
