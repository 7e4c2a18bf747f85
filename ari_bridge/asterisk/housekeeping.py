"""Putting Asterisk back as we found it: parties sent back to the dialplan, our own left-overs removed.

Only a channel or bridge that carries one of our tap's names is ever deleted; a party's channel is only `continue`d.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from ari_bridge.asterisk import events as ari
from ari_bridge.asterisk.client import AriClient, AriError
from ari_bridge.asterisk.names import tapped_channel
from ari_bridge.asterisk.tap import Tapper
from ari_bridge.settings import AriSettings

log = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 16
"""Requests under way together: a slow one must not hold up the others, and Asterisk has more to do."""

Listing = tuple[tuple[ari.Channel, ...], tuple[ari.Bridge, ...]]


async def list_all(client: AriClient) -> Listing:
    """All channels and bridges of this Asterisk."""
    channels = ari.parse_channels(await client.call("channels", "list"))
    return channels, ari.parse_bridges(await client.call("bridges", "list"))


async def with_linkedids(client: AriClient, listing: Listing) -> Listing:
    """The same, where each channel that is being dialled says which call it belongs to.

    A channel object has no linkedid (it needs `channelvars` of ari.conf), and who dials is in no list.
    """
    channels, bridges = listing
    found: dict[str, str] = {}
    at_once = asyncio.Semaphore(MOST_AT_ONCE)

    async def ask(channel_id: str) -> None:
        async with at_once:
            try:
                answer = await client.call(
                    "channels", "getChannelVar", channelId=channel_id, variable="CHANNEL(linkedid)"
                )
            except AriError:  # gone, or not known: then whoever rings is shown when he answers
                return
            if isinstance(answer, dict) and isinstance(answer.get("value"), str):
                found[channel_id] = answer["value"]

    async with asyncio.TaskGroup() as tasks:
        for channel in channels:
            if channel.is_being_dialled and channel.linkedid is None:
                tasks.create_task(ask(channel.id), name=f"ari.linkedid[{channel.id}]")
    known = (replace(channel, linkedid=found.get(channel.id, channel.linkedid)) for channel in channels)
    return tuple(known), bridges


def parties_inside(channels: tuple[ari.Channel, ...], app: str) -> list[ari.Channel]:
    """Parties that wait in our Stasis application, hearing nothing."""
    return [
        channel
        for channel in channels
        if channel.app_name == "Stasis"
        and (channel.app_data or "").split(",")[0] == app
        and tapped_channel(app, channel.id) is None
    ]


async def remove_strays(tapper: Tapper, listing: Listing, app: str, alive: Callable[[], frozenset[str]]) -> bool:
    """Remove what carries our names but belongs to no live tap: left by a crash, or by a request that came late.

    Whether all of it could be removed. `alive` is asked right before each removal: a tap may begin meanwhile, and its
    channels carry the names of the one before.
    """
    channels, bridges = listing
    made = [(channel.id, False) for channel in channels] + [(bridge.id, True) for bridge in bridges]
    failed = 0

    async def remove(made_id: str, tapped: str, *, is_bridge: bool) -> None:
        nonlocal failed
        async with at_once:
            if tapped in alive():
                return
            try:
                await tapper.remove_stray(made_id, bridge=is_bridge)
                log.info("stray_removed", id=made_id)
            except AriError as error:
                failed += 1
                log.warning("stray_not_removed", id=made_id, error=str(error))

    at_once = asyncio.Semaphore(MOST_AT_ONCE)
    known = alive()  # of nearly all, and to ask for each anew takes a tenth of a second with 200 calls
    async with asyncio.TaskGroup() as tasks:
        for made_id, is_bridge in made:
            if (tapped := tapped_channel(app, made_id)) is not None and tapped not in known:
                tasks.create_task(remove(made_id, tapped, is_bridge=is_bridge), name=f"ari.stray[{made_id}]")
    return failed == 0


async def hand_back(client: AriClient, channel_id: str) -> None:
    """A party goes on in the dialplan; fine where it is gone, or not in Stasis any more. Raises `AriError`.

    "Gone" is looked at twice: a party that is believed gone and is not waits in silence for ever.
    """
    try:
        await client.call("channels", "continueInDialplan", channelId=channel_id)
    except AriError as error:
        if error.status not in (404, 409) or await _is_in_stasis(client, channel_id):
            raise


async def _is_in_stasis(client: AriClient, channel_id: str) -> bool:
    try:
        channels = ari.parse_channels([await client.call("channels", "get", channelId=channel_id)])
    except AriError as error:
        if error.status == 404:
            return False
        raise
    return any(channel.app_name == "Stasis" for channel in channels)


async def release(settings: AriSettings) -> bool:
    """For `ari-bridge release`: hand back all parties, remove all that was ours; whether Asterisk let us do it all."""
    client = AriClient(settings)
    done = True
    try:
        await client.connect()
        listing = await list_all(client)
        for channel in parties_inside(listing[0], settings.app):
            try:
                await hand_back(client, channel.id)
                log.info("party_released", channel=channel.id)
            except AriError as error:  # the next party must not wait for this one
                log.error("party_not_released", channel=channel.id, error=str(error))
                done = False
        tapper = Tapper(client, settings.app, settings.request_timeout_s)
        return await remove_strays(tapper, listing, settings.app, frozenset) and done
    except AriError as error:
        log.error("release_failed", error=str(error))
        return False
    finally:
        await client.close()
