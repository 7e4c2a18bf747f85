"""What the engine needs of a language model, named by our need. Pure types and the Protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question. `system` stays byte-identical as long as the playbook does, so that providers can cache it.

    `session` keeps a call at one provider; `schema` is the JSON schema of the answer, `name` the schema's name.
    """

    system: str
    user: str
    name: str
    schema: Mapping[str, Any]
    session: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A further piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost; `cost_usd` is None where the provider did not tell."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole. `model` is who answered, `generation` the provider's id for support questions."""

    model: str = ""
    generation: str = ""
    usage: Usage = field(default_factory=Usage)


LlmEvent = TextDelta | Finished


class Llm(Protocol):
    def stream(self, prompt: Prompt) -> AsyncIterator[LlmEvent]:
        """Text deltas, then exactly one `Finished`; anything else raises `BridgeError`.

        Deadlines are the caller's: cancelling closes the connection, which ends the bill at most providers.
        """

    async def aclose(self) -> None:
        """Let go of connections; asking again opens new ones."""
