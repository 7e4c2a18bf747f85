"""`make eval`: the golden set. Prints precision, recall and delay; exit 1 below a floor.

The playbook path, the recorded answers of a model, and the real model where ARI_BRIDGE_OPENROUTER__API_KEY is set.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from ari_bridge.hints.compiled import Compiled, compile_playbook
from ari_bridge.hints.openrouter import OpenRouter
from ari_bridge.hints.playbook_file import read_playbook
from ari_bridge.settings import load as load_settings
from tests.eval.answers import FIRST_TOKEN_S, LiveModel, RecordedModel, judge, load_answers
from tests.eval.golden import DIALOGUES, ORDINARY, UNSEEN, Dialogue, Turn, load, load_ordinary
from tests.eval.replay import Replay
from tests.eval.score import Score, percentile

FLOOR_PRECISION = 0.9
FLOOR_RECALL = 0.9
CEILING_DELAY_P95_S = 0.1  # after the final utterance; a card on a partial is early, hence negative
CEILING_HEAR_P95_MS = 5.0
FLOOR_ANSWERS = 1.0


def playbook_path(
    compiled: Compiled, seed: int, dialogues: tuple[str, ...] = DIALOGUES, ordinary: tuple[str, ...] = ORDINARY
) -> tuple[Score, list[float]]:
    """The score of these files' dialogues and ordinary talk, and milliseconds spent on each transcript."""
    score, spent = Score(), []
    for dialogue in load(dialogues):
        screen = Replay(compiled, seed).play(dialogue)
        score.dialogue(dialogue, screen)
        spent.extend(screen.busiest_ms)
    for line in load_ordinary(ordinary):
        screen = Replay(compiled, seed).play(Dialogue(line, (Turn(True, line),)))
        score.ordinary(line, screen)
        spent.extend(screen.busiest_ms)
    return score, spent


def report(name: str, score: Score, spent_ms: list[float]) -> list[str]:
    """Prints the figures; returns what is below its floor."""
    delay = percentile(score.delays_s, 0.95)
    hear = percentile(spent_ms, 0.95)
    print(
        f"{name}: precision {score.precision:.3f} (floor {FLOOR_PRECISION}), recall {score.recall:.3f} (floor "
        f"{FLOOR_RECALL}), right {score.right}, false {score.false}, missed {score.missed}, forbidden {score.forbidden}"
    )
    print(
        f"{name}: card after the final utterance p50 {1000 * percentile(score.delays_s, 0.5):.0f} ms, "
        f"p95 {1000 * delay:.0f} ms (ceiling {1000 * CEILING_DELAY_P95_S:.0f}), {score.held} held by the spacing; "
        f"deciding on one transcript p95 {hear:.2f} ms (ceiling {CEILING_HEAR_P95_MS}), worst {max(spent_ms):.2f} ms"
    )
    checks = {
        "precision": score.precision >= FLOOR_PRECISION,
        "recall": score.recall >= FLOOR_RECALL,
        "forbidden cards": score.forbidden == 0,
        "delay": delay <= CEILING_DELAY_P95_S,
        "time per transcript": hear <= CEILING_HEAR_P95_MS,
    }
    return [f"{name}: {what} below its floor" for what, fine in checks.items() if not fine]


def recorded_answers(compiled: Compiled, seed: int) -> list[str]:
    """Every recorded answer must come out as it deserves, and its first words at once."""
    answers, faults, delays = load_answers(), [], []
    for dialogue in load():
        mine = [answer for answer in answers.values() if answer.dialogue == dialogue.name]
        if not mine:
            continue
        screen = Replay(compiled, seed, answerer=RecordedModel(dialogue.name, answers)).play(dialogue)
        faults += [fault for answer in mine if (fault := judge(answer, screen))]
        delays += screen.refined_after_s
    share = 1 - len(faults) / len(answers)
    after = [1000 * (delay - FIRST_TOKEN_S) for delay in delays]
    print(f"recorded answers: {share:.3f} as they deserve (floor {FLOOR_ANSWERS}) of {len(answers)}")
    print(f"recorded answers: first words after the first token p50 {percentile(after, 0.5):.0f} ms (kind comes first)")
    return faults


def live(compiled: Compiled, seed: int) -> None:
    """The same dialogues with the real model, where there is a key; no floors, it costs money."""
    settings = load_settings().openrouter
    if settings.api_key is None:
        print("live: not asked, ARI_BRIDGE_OPENROUTER__API_KEY is not set")
        return
    with asyncio.Runner() as runner:
        llm = OpenRouter(settings.url, settings.api_key.get_secret_value(), settings.models)
        model, score = LiveModel(compiled, llm, runner), Score()
        for dialogue in load():
            screen = Replay(compiled, seed, answerer=model).play(dialogue)
            score.dialogue(dialogue, screen)
        runner.run(llm.aclose())
    print(
        f"live: precision {score.precision:.3f}, recall {score.recall:.3f}, forbidden {score.forbidden}; asked "
        f"{model.asked}, failed {model.failed}, cost ${model.cost_usd:.4f}"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--playbook", type=Path, help="another playbook than the bundled one")
    parser.add_argument("--seed", type=int, default=1, help="of misheard words in partials")
    parser.add_argument("--faults", action="store_true", help="list every wrong, missing or forbidden card")
    parser.add_argument("--offline", action="store_true", help="do not ask the real model, though there is a key")
    options = parser.parse_args(arguments)
    compiled = compile_playbook(read_playbook(options.playbook))
    score, spent = playbook_path(compiled, options.seed)
    broken = report(f"playbook (seed {options.seed})", score, spent)
    for fault in score.faults if options.faults or broken else ():
        print("  ", fault)
    for name, (dialogues, ordinary) in UNSEEN.items():
        unseen, spent = playbook_path(compiled, options.seed, dialogues, ordinary)
        broken += report(name, unseen, spent)
        for fault in unseen.faults if options.faults else ():
            print("  ", fault)
    broken += recorded_answers(compiled, options.seed)
    if not options.offline:
        live(compiled, options.seed)
    print("\n".join(broken) or "all floors held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
