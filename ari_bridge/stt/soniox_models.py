"""What `GET /v1/models` says of the model in use. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ari_bridge.stt.dialect import Fault, Reaction
from ari_bridge.stt.soniox_faults import classify

SUPPORTS = {"max_endpoint_delay_ms": "supports_max_endpoint_delay"}
"""Fields of our start message that not every model takes, and the member that tells. Absent: taken as supported."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`unsupported`: start fields that must not be sent. `fault`: what no call will get past."""

    unsupported: frozenset[str] = frozenset()
    fault: Fault | None = None


def read_models(status: int | str, document: object, model: str) -> ModelFacts | None:
    """The answer's meaning for `model`; None where it says nothing that can be understood."""
    members = document if isinstance(document, dict) else {}
    if status in (401, 402, 403):
        kind = members.get("error_type")
        return ModelFacts(fault=classify(status, kind if isinstance(kind, str) else None, None, None))
    listed = members.get("models")
    if status != 200 or not isinstance(listed, list):
        return None
    live = [entry for entry in listed if isinstance(entry, dict) and entry.get("transcription_mode") == "real_time"]
    found = next((entry for entry in live if entry.get("id") == model), None)
    if found is None:
        names = ", ".join(str(entry.get("id")) for entry in live)
        action = f"Задайте ARI_BRIDGE_SONIOX__MODEL, есть: {names}"
        return ModelFacts(fault=Fault("model_not_listed", Reaction.STOP, "Модель распознавания недоступна", action))
    return ModelFacts(frozenset(field for field, member in SUPPORTS.items() if found.get(member) is False))
