"""The playbook: readable, and its own examples and counter-examples hold."""

from __future__ import annotations

from ari_bridge.hints.playbook import PlaybookError
from ari_bridge.hints.playbook_file import read_playbook
from ari_bridge.hints.selftest import playbook_selftest
from ari_bridge.ops.checks.finding import Finding, Grade
from ari_bridge.settings import Settings


def check_playbook(settings: Settings) -> Finding:
    path = settings.hints.playbook
    try:
        playbook = read_playbook(path)
    except PlaybookError as error:
        cure = "исправьте эту строку; до тех пор служба с этим файлом не запустится, а работающая держит прежний"
        return Finding("playbook", Grade.FAULT, f"{path}: {error}", cure)
    wrong = playbook_selftest(playbook)
    if wrong:
        more = f" (и ещё {len(wrong) - 1})" if len(wrong) > 1 else ""
        first = f"{wrong[0].owner}: {wrong[0].reason}{more}"
        return Finding("playbook", Grade.WARNING, first, "исправьте фразы карточки или её примеры")
    return Finding(
        "playbook", Grade.OK, f"{path or 'встроенный'}: карточек {len(playbook.cards)}, все примеры сходятся"
    )
