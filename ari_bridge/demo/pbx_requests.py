"""What each ARI request does and answers, as Asterisk 22 does: all of `pbx_swagger.OPERATIONS` but the WebSocket.

Status codes and messages are those seen on Asterisk 22.10.1.
"""

from __future__ import annotations

from typing import Final

from ari_bridge.demo.pbx_apps import EVERYTHING, Application
from ari_bridge.demo.pbx_channel_requests import ChannelRequests, Host
from ari_bridge.demo.pbx_model import ASTERISK_ID, AriFault, Json
from ari_bridge.demo.pbx_parameters import Answer, Handler, Parameters
from ari_bridge.demo.pbx_switch import Switchboard

VERSION: Final = "22.10.1"
DEFAULT_MODULES: Final = (
    "app_dial.so",
    "app_queue.so",
    "app_stasis.so",
    "bridge_simple.so",
    "chan_pjsip.so",
    "chan_rtp.so",
    "codec_alaw.so",
    "codec_ulaw.so",
    "func_curl.so",
    "res_ari.so",
    "res_ari_applications.so",
    "res_ari_asterisk.so",
    "res_ari_bridges.so",
    "res_ari_channels.so",
    "res_ari_endpoints.so",
    "res_ari_events.so",
    "res_http_websocket.so",
    "res_pjsip.so",
    "res_rtp_asterisk.so",
    "res_stasis.so",
    "res_stasis_answer.so",
    "res_stasis_snoop.so",
)


class Requests:
    """All requests, and in particular those of `asterisk`, `applications` and `endpoints`."""

    def __init__(self, board: Switchboard, host: Host, modules: tuple[str, ...]) -> None:
        self._board = board
        self._modules = modules
        self._handlers = self._own_handlers() | ChannelRequests(board, host).handlers()

    def answer(self, operation: str, parameters: Parameters) -> Answer:
        """Carry a request out; `operation` is `resource.nickname`. Raises `AriFault` where Asterisk refuses."""
        return self._handlers[operation](parameters)

    def _own_handlers(self) -> dict[str, Handler]:
        apps, news = self._board.apps, self._board.news
        return {
            "asterisk.getInfo": self._info,
            "asterisk.ping": self._ping,
            "asterisk.listModules": lambda _: (200, [_module(name) for name in self._modules]),
            "asterisk.getModule": self._get_module,
            "applications.list": lambda _: (200, [app.to_json() for app in apps.all()]),
            "applications.get": lambda p: (200, apps.get(p["applicationName"]).to_json()),
            "applications.subscribe": self._subscribe,
            "applications.unsubscribe": self._unsubscribe,
            "applications.filter": lambda p: (200, apps.set_filter(p["applicationName"], p.body).to_json()),
            "endpoints.list": lambda _: (200, [news.describe_endpoint(name) for name in self._board.endpoints]),
            "endpoints.listByTech": self._endpoints_by_tech,
            "endpoints.get": self._get_endpoint,
        }

    # ---- asterisk

    def _ping(self, parameters: Parameters) -> Answer:
        return 200, {"ping": "pong", "timestamp": self._board.news.time(), "asterisk_id": ASTERISK_ID}

    def _info(self, parameters: Parameters) -> Answer:
        whole: Json = {
            "build": {"os": "Linux", "kernel": "", "machine": "", "options": "", "date": "", "user": "virtual"},
            "system": {"version": VERSION, "entity_id": ASTERISK_ID},
            "config": {"name": "virtual", "default_language": "en", "setid": {"user": "", "group": ""}},
            "status": {"startup_time": self._board.started_at, "last_reload_time": self._board.started_at},
        }
        only = parameters["only"].split(",") if parameters["only"] else list(whole)
        return 200, {name: whole[name] for name in only if name in whole}

    def _get_module(self, parameters: Parameters) -> Answer:
        if parameters["moduleName"] not in self._modules:
            raise AriFault(404, "Module could not be found in running modules")
        return 200, _module(parameters["moduleName"])

    # ---- applications

    def _subscribe(self, parameters: Parameters) -> Answer:
        app = self._board.apps.get(parameters["applicationName"])
        for topic in [self._topic(source) for source in parameters.many("eventSource")]:
            app.add(topic)
        return 200, app.to_json()

    def _unsubscribe(self, parameters: Parameters) -> Answer:
        app = self._board.apps.get(parameters["applicationName"])
        for topic in [self._topic(source, must_exist=False) for source in parameters.many("eventSource")]:
            _drop(app, topic)
        return 200, app.to_json()

    def _topic(self, source: str, *, must_exist: bool = True) -> str:
        """An event source as a topic; an empty id means all of the kind."""
        kind, _, name = source.partition(":")
        if kind not in EVERYTHING:
            raise AriFault(400, "Invalid event source URI scheme")
        exists = {
            "channel": name in self._board.channels,
            "bridge": name in self._board.bridges and self._board.bridges[name].kind == "stasis",
            "endpoint": any(name in (known, known.partition("/")[0]) for known in self._board.endpoints),
            "deviceState": True,
        }
        if name and must_exist and not exists[kind]:
            raise AriFault(422, "Event source does not exist")
        return f"{kind}:{name or EVERYTHING[kind]}"

    # ---- endpoints

    def _endpoints_by_tech(self, parameters: Parameters) -> Answer:
        found = [name for name in self._board.endpoints if name.partition("/")[0] == parameters["tech"]]
        if not found:
            raise AriFault(404, f"No Endpoints found - invalid tech {parameters['tech']}")
        return 200, [self._board.news.describe_endpoint(name) for name in found]

    def _get_endpoint(self, parameters: Parameters) -> Answer:
        name = f"{parameters['tech']}/{parameters['resource']}"
        if name not in self._board.endpoints:
            raise AriFault(404, "Endpoint not found")
        return 200, self._board.news.describe_endpoint(name)


def _drop(app: Application, topic: str) -> None:
    if topic not in app.interest and not app.all_topics:
        raise AriFault(422, "Event source was not subscribed to")
    app.drop(topic)


def _module(name: str) -> Json:
    return {"name": name, "description": name, "use_count": 0, "status": "Running", "support_level": "core"}
