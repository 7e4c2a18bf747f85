"""Model answers for the golden dialogues: recorded ones, and the live model's. Times are seconds.

`golden/answers.jsonl` holds one answer a line: `dialogue`, `turn`, the raw `answer` and the `verdict` that it deserves:
`whole` (all of it may be seen), `part` (a beginning), `blocked` (nothing), `silent`, `error` (no answer at all).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ari_bridge.errors import BridgeError
from ari_bridge.events import Source, SuggestionState
from ari_bridge.hints.commands import Ask
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.llm import Finished, TextDelta
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.hints.prompt import suggestion_prompt
from tests.eval.golden import FOLDER
from tests.eval.replay import Screen

FIRST_TOKEN_S = 0.9
PIECE_S = 0.03
PIECE = 9


@dataclass(frozen=True, slots=True)
class Recorded:
    dialogue: str
    turn: int
    answer: str
    verdict: str


def load_answers(path: Path = FOLDER / "answers.jsonl") -> dict[tuple[str, int], Recorded]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [Recorded(**json.loads(line)) for line in lines if line.strip()]
    return {(one.dialogue, one.turn): one for one in found}


@dataclass(slots=True)
class RecordedModel:
    """An `Answerer` for one dialogue."""

    dialogue: str
    answers: dict[tuple[str, int], Recorded]

    def __call__(self, ask: Ask, at: float) -> Sequence[tuple[float, str | None]]:
        found = self.answers.get((self.dialogue, ask.trigger.utterance))
        if found is None:
            return ()
        pieces = [found.answer[i : i + PIECE] for i in range(0, len(found.answer), PIECE)]
        timed = [(at + FIRST_TOKEN_S + i * PIECE_S, piece) for i, piece in enumerate(pieces)]
        return [*timed, (timed[-1][0] + PIECE_S, None)]


def judge(answer: Recorded, screen: Screen) -> str:
    """ "" where the screen shows of an answer what it deserves, else the fault."""
    shown = [s for s in screen.suggestions if s.utterance == answer.turn and s.source is Source.LLM]
    last = next((s for s in reversed(screen.suggestions) if s.utterance == answer.turn), None)
    ended_as_llm = last is not None and last.source is Source.LLM and last.state is SuggestionState.COMPLETE
    try:
        content = json.loads(answer.answer.strip().removeprefix("```json").removesuffix("```"))["content"]
    except ValueError:
        content = ""
    match answer.verdict:
        case "whole":
            fine = ended_as_llm and last is not None and last.content == content
        case "part":
            fine = ended_as_llm and last is not None and content.startswith(last.content) and last.content != content
        case "silent" | "error" | "blocked":
            fine = not ended_as_llm and (answer.verdict == "blocked" or not any(s.content == content for s in shown))
        case _:
            raise ValueError(answer.verdict)
    return "" if fine else f"{answer.dialogue}[{answer.turn}] should be {answer.verdict}: {last and last.content}"


@dataclass(slots=True)
class LiveModel:
    """An `Answerer` that really asks; the simulated time takes over the real pace of the answer."""

    compiled: Compiled
    llm: OpenRouter
    runner: asyncio.Runner
    cost_usd: float = 0.0
    asked: int = 0
    failed: int = 0

    def __call__(self, ask: Ask, at: float) -> Sequence[tuple[float, str | None]]:
        self.asked += 1
        try:
            return [(at + after, text) for after, text in self.runner.run(self._ask(ask))]
        except (BridgeError, TimeoutError) as error:
            self.failed += 1
            print("live:", getattr(error, "code", "timeout"))
            return ()

    async def _ask(self, ask: Ask) -> list[tuple[float, str | None]]:
        prompt = suggestion_prompt(
            self.compiled.system,
            ask.lines,
            ask.card,
            nonce="0f1e2d3c4b5a6978",
            session="eval",
            reason=ask.trigger.reason,
        )
        began, pieces = time.monotonic(), list[tuple[float, str | None]]()
        async with asyncio.timeout(10):
            async for event in self.llm.stream(prompt):
                after = time.monotonic() - began
                if isinstance(event, TextDelta):
                    pieces.append((after, event.text))
                elif isinstance(event, Finished):
                    pieces.append((after, None))
                    self.cost_usd += event.usage.cost_usd or 0.0
        return pieces
