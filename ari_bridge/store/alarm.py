"""What people are told when the store cannot write: the state, the reason, the cure. Pure."""

from __future__ import annotations

from typing import Final

from ari_bridge.events import ComponentState, ComponentStatus
from ari_bridge.store.repository import Fault

_KEPT: Final = "разговоры идут, записи пока в памяти и допишутся сами"

_TEXTS: Final = {
    Fault.FULL: ("на диске нет места", "Освободите место на диске, где лежит {place}"),
    Fault.BUSY: ("база занята другой программой", "Закройте программу, которая держит {place}"),
    Fault.FORBIDDEN: ("нет прав на запись", "Дайте службе право писать в {place}"),
    Fault.DISK: ("диск отвечает ошибкой", "Проверьте диск, на котором лежит {place}"),
    Fault.DAMAGED: ("файл базы повреждён", "Остановите службу и восстановите {place} из резервной копии"),
    Fault.REPLACED: (
        "файл базы удалён или заменён на ходу",
        "Положите нужный файл на место {place} и перезапустите службу",
    ),
    Fault.AWAY: ("нет связи с базой данных", "Проверьте, работает ли {place}"),
    Fault.OTHER: ("ошибка базы данных", "Посмотрите журнал службы; база: {place}"),
    Fault.CLOSED: ("база закрыта", "Перезапустите службу; база: {place}"),
}

OVERFLOW: Final = ComponentStatus(
    ComponentState.DOWN,
    "История не записывается: память переполнена, новые записи теряются",
    "Устраните неполадку базы; что уже в памяти, допишется само",
)


def alarm(fault: Fault, place: str) -> ComponentStatus:
    """`place` is where the data lies. A slow store still writes: degraded; else it is down."""
    if fault is Fault.SLOW:
        return ComponentStatus(
            ComponentState.DEGRADED,
            f"История записывается с опозданием: {_KEPT}",
            f"Если это не пройдёт само, проверьте нагрузку на диск, где лежит {place}",
        )
    reason, cure = _TEXTS[fault]
    return ComponentStatus(ComponentState.DOWN, f"История не записывается: {reason}; {_KEPT}", cure.format(place=place))
