"""What the hints have done and cost so far, for `/metrics`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class LlmCounters:
    """Names ending in `_total` only grow."""

    requests_total: int = field(default=0, metadata={"help": "Questions to the model"})
    answers_total: int = field(default=0, metadata={"help": "Whole answers, of use or not"})
    failures_total: int = field(default=0, metadata={"help": "Questions that failed, and answers of no use"})
    cancelled_total: int = field(default=0, metadata={"help": "Questions given up: something newer was said"})
    prompt_tokens_total: int = field(default=0, metadata={"help": "Tokens sent to the model"})
    cached_tokens_total: int = field(default=0, metadata={"help": "Of these, read from the provider's cache"})
    completion_tokens_total: int = field(default=0, metadata={"help": "Tokens of the model's answers"})
    cost_usd_total: float = field(default=0.0, metadata={"help": "Money spent on the model, as the provider tells it"})
