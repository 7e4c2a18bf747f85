"""The part of ARI that the virtual PBX offers, as one table, and the Swagger 1.1 documents made of it. Pure.

A client such as aioari builds its operations from these documents; the server routes by the same table. Names of
paths, operations, parameters and models are Asterisk 22's (`/ari/api-docs`). A parameter is written `name`, `name!`
(required), `name*` (a comma-separated list) or `name@` (the JSON body); what stands in the path needs no mention.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ari_bridge.demo.pbx_model import Json


@dataclass(frozen=True, slots=True)
class Operation:
    """One ARI request. `nickname` is unique within `resource`; `result` is the Swagger class of the answer."""

    resource: str
    method: str
    path: str
    nickname: str
    result: str
    query: str = ""

    def parameters(self) -> list[Json]:
        in_path = [_parameter(name, "path", required=True) for name in re.findall(r"{(\w+)}", self.path)]
        return in_path + [_query_parameter(word) for word in self.query.split()]


def _parameter(name: str, where: str, *, required: bool, many: bool = False, data_type: str = "string") -> Json:
    return {"name": name, "paramType": where, "required": required, "allowMultiple": many, "dataType": data_type}


def _query_parameter(word: str) -> Json:
    name = re.sub(r"\W", "", word)
    if "@" in word:
        return _parameter(name, "body", required=False, data_type="object")
    return _parameter(name, "query", required="!" in word, many="*" in word)


_TABLE: Final = """
asterisk GET /asterisk/info getInfo AsteriskInfo only*
asterisk GET /asterisk/ping ping AsteriskPing
asterisk GET /asterisk/modules listModules List[Module]
asterisk GET /asterisk/modules/{moduleName} getModule Module
applications GET /applications list List[Application]
applications GET /applications/{applicationName} get Application
applications POST /applications/{applicationName}/subscription subscribe Application eventSource!*
applications DELETE /applications/{applicationName}/subscription unsubscribe Application eventSource!*
applications PUT /applications/{applicationName}/eventFilter filter Application filter@
bridges GET /bridges list List[Bridge]
bridges POST /bridges create Bridge type bridgeId name
bridges POST /bridges/{bridgeId} createWithId Bridge type name
bridges GET /bridges/{bridgeId} get Bridge
bridges DELETE /bridges/{bridgeId} destroy void
bridges POST /bridges/{bridgeId}/addChannel addChannel void channel!* role absorbDTMF mute inhibitConnectedLineUpdates
bridges POST /bridges/{bridgeId}/removeChannel removeChannel void channel!*
channels GET /channels list List[Channel]
channels POST /channels/externalMedia externalMedia Channel app! format! channelId variables@ external_host
    encapsulation transport connection_type direction data transport_data
channels GET /channels/{channelId} get Channel
channels DELETE /channels/{channelId} hangup void reason_code reason
channels POST /channels/{channelId}/continue continueInDialplan void context extension priority label
channels POST /channels/{channelId}/answer answer void
channels POST /channels/{channelId}/ring ring void
channels GET /channels/{channelId}/variable getChannelVar Variable variable!
channels POST /channels/{channelId}/variable setChannelVar void variable! value
channels POST /channels/{channelId}/snoop snoopChannel Channel spy whisper app! appArgs snoopId
channels POST /channels/{channelId}/snoop/{snoopId} snoopChannelWithId Channel spy whisper app! appArgs
channels GET /channels/{channelId}/rtp_statistics rtpstatistics RTPstat
endpoints GET /endpoints list List[Endpoint]
endpoints GET /endpoints/{tech} listByTech List[Endpoint]
endpoints GET /endpoints/{tech}/{resource} get Endpoint
events GET /events eventWebsocket Message app!* subscribeAll
"""


def _lines(table: str) -> list[str]:
    """The lines of a table; an indented one continues the line before."""
    return table.strip().replace("\n    ", " ").splitlines()


OPERATIONS: Final = tuple(Operation(*line.split(maxsplit=5)) for line in _lines(_TABLE))

RESOURCES: Final = tuple(dict.fromkeys(operation.resource for operation in OPERATIONS))

_EVENT_MODELS: Final = """
Message: type! asterisk_id
Event: application! timestamp:Date!
ApplicationReplaced:
BridgeCreated: bridge:Bridge!
BridgeDestroyed: bridge:Bridge!
BridgeMerged: bridge:Bridge! bridge_from:Bridge!
BridgeBlindTransfer: channel:Channel! replace_channel:Channel transferee:Channel exten!
    context! result! is_external:boolean! bridge:Bridge
BridgeAttendedTransfer: transferer_first_leg:Channel! transferer_second_leg:Channel! result!
    is_external:boolean! destination_type!
ChannelCreated: channel:Channel!
ChannelDestroyed: cause:int! cause_txt! tech_cause:int channel:Channel!
ChannelEnteredBridge: bridge:Bridge! channel:Channel
ChannelLeftBridge: bridge:Bridge! channel:Channel!
ChannelStateChange: channel:Channel!
ChannelDialplan: channel:Channel! dialplan_app! dialplan_app_data!
ChannelCallerId: caller_presentation:int! caller_presentation_txt! channel:Channel!
ChannelConnectedLine: channel:Channel!
ChannelHangupRequest: cause:int tech_cause:int soft:boolean channel:Channel!
ChannelVarset: variable! value! channel:Channel
ChannelHold: channel:Channel! musicclass
ChannelUnhold: channel:Channel!
DeviceStateChanged: device_state:DeviceState!
EndpointStateChange: endpoint:Endpoint!
Dial: caller:Channel peer:Channel! forward forwarded:Channel dialstring dialstatus!
StasisStart: args:List[string]! channel:Channel! replace_channel:Channel
StasisEnd: channel:Channel!
"""

_OBJECT_MODELS: Final = {
    "asterisk": """
AsteriskInfo: build:object system:object config:object status:object
AsteriskPing: asterisk_id! ping! timestamp!
Module: name! description! use_count:int! status! support_level!
""",
    "applications": """
Application: name! channel_ids:List[string]! bridge_ids:List[string]! endpoint_ids:List[string]!
    device_names:List[string]!
""",
    "bridges": """
Bridge: id! technology! bridge_type! bridge_class! creator! name! channels:List[string]! creationtime:Date! video_mode
""",
    "channels": """
CallerID: name! number!
DialplanCEP: context! exten! priority:long! app_name! app_data!
RTPstat: txcount:int! rxcount:int! txploss:int! rxploss:int! local_ssrc:int! remote_ssrc:int! channel_uniqueid!
Channel: id! protocol_id! name! state! caller:CallerID! connected:CallerID! accountcode!
    dialplan:DialplanCEP! creationtime:Date! language! channelvars:object
Variable: value!
""",
    "endpoints": """
Endpoint: technology! resource! state channel_ids:List[string]!
""",
    "events": _EVENT_MODELS,
}


def listing(base: str) -> Json:
    """`resources.json`; `base` is the URL that ends in `/ari`."""
    apis = [{"path": f"/api-docs/{name}.{{format}}", "description": f"{name} resources"} for name in RESOURCES]
    return {"apiVersion": "10.0.0", "swaggerVersion": "1.1", "basePath": base, "apis": apis}


def declaration(resource: str, base: str) -> Json | None:
    """The document of one resource; None where there is none of that name."""
    if resource not in RESOURCES:
        return None
    paths: dict[str, list[Json]] = {}
    for operation in OPERATIONS:
        if operation.resource == resource:
            paths.setdefault(operation.path, []).append(_describe(operation))
    return {
        "apiVersion": "2.0.0",
        "swaggerVersion": "1.1",
        "basePath": base,
        "resourcePath": f"/api-docs/{resource}.{{format}}",
        "apis": [{"path": path, "description": path, "operations": operations} for path, operations in paths.items()],
        "models": _models(_OBJECT_MODELS[resource]),
    }


def _describe(operation: Operation) -> Json:
    described: Json = {
        "httpMethod": operation.method,
        "nickname": operation.nickname,
        "responseClass": operation.result,
        "parameters": operation.parameters(),
        "errorResponses": [],
    }
    if operation.nickname == "eventWebsocket":
        described |= {"upgrade": "websocket", "websocketProtocol": "ari"}
    return described


def _models(table: str) -> Json:
    models: Json = {}
    for line in _lines(table):
        name, _, members = line.partition(":")
        models[name] = {"id": name, "properties": dict(map(_property, members.split()))}
    return models


def _property(word: str) -> tuple[str, Json]:
    name, _, kind = word.rstrip("!").partition(":")
    return name, {"type": kind or "string", "required": word.endswith("!")}
