"""The pictures of the page in `docs/page/`: `python -m tests.webui.pictures [FOLDER]`; needs Chromium, and pngquant to
keep them small. Live sections speak from a scripted hub, those that look back from the demo's own history.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, async_playwright

from tests.chain.daemon import free_port
from tests.webui.conftest import ARGUMENTS
from tests.webui.pasts import earlier, known
from tests.webui.scripted import ScriptedHub, serving
from tests.webui.tab import frames
from tests.webui.talks import LIVE, STEPS, ago, busy, call, card, in_snapshot, line, ringing

ROOT: Final = Path(__file__).resolve().parents[2]
SIZES: Final = (("light", 1280, 720), ("dark", 1280, 720), ("light", 360, 720), ("dark", 360, 720))
SAID: Final = (
    "Добрый день. Мне нужны три кондиционера для офиса, метров по двадцать пять.",
    "Компания «Северный ветер», меня зовут Анна. Чем могу помочь?",
    "А если я закажу сразу два, скидка будет?",
    "Это слишком дорого для нас. У соседей за такие же просили сто пятьдесят.",
    "Хорошо, давайте тогда в среду после обеда.",
)
OLGA: Final = {"name": "Ольга", "role": "supervisor", "extensions": [], "open": False}
BOSS: Final = {"name": "Игорь", "role": "admin", "extensions": [], "open": False}
USERS: Final = [
    {"name": "Анна", "role": "operator", "extensions": ["1001"]},
    {"name": "Борис", "role": "operator", "extensions": ["1002"]},
    {"name": "Игорь", "role": "admin", "extensions": []},
    {"name": "Ольга", "role": "supervisor", "extensions": []},
]
LIVE_SECTIONS: Final = (
    ("calls", "/", None),
    ("ring", "/", None),
    ("wall", "/#/wall", OLGA),
    ("overheard", "/#/wall/c1", OLGA),
    ("settings", "/#/settings", BOSS),
)
PAST_SECTIONS: Final = ("history", "report", "playbook", "past-call")
REST: Final = {
    "GET api/users": {"users": USERS},
    "GET api/numbers/+79001234567": known(earlier("p1"), earlier("p2", started_at="2026-11-12T13:40:00.000Z"), total=4),
}


def many() -> list[dict[str, Any]]:
    """A busy quarter of an hour."""
    shown = [busy()[0], in_snapshot(ringing("r1", started_at=ago(31), ringing=["1004", "1005"]))]
    for n in range(2, 12):
        changes: dict[str, Any] = {"client_number": f"+7926{n * 7777777 % 10_000_000:07}", "operator": str(1000 + n)}
        if n == 6:
            changes["legs"] = {"client": {"state": "no_audio", "reason": "нет пакетов"}, "operator": LIVE}
        one = call(f"w{n}", **changes, answered_at=ago(40 + 61 * n), started_at=ago(50 + 61 * n))
        words = line("client" if n % 2 else "operator", 1, 9000, SAID[n % 5], call_id=f"w{n}")
        shown.append(in_snapshot(one, transcript=[words]))
    return shown


async def liven(hub: ScriptedHub) -> None:
    await hub.connected(1)
    timing = {"kind": "timing", "priority": "medium", "title": "Монтаж — за 2 дня после замера"}
    await hub.say("suggestion", **card("s0", **timing, utterance=1, at=ago(26)))
    await hub.say("suggestion", **card("s1"))
    await hub.say("level", call_id="c1", client=0.7, operator=0.12)
    for n in range(2, 12, 2):
        await hub.say("level", call_id=f"w{n}", client=0.02, operator=0.5)
        await hub.say("level", call_id=f"w{n + 1}", client=0.5, operator=0.02)


async def shoot(
    browser: Browser, address: str, path: Path, look: tuple[str, int, int], hub: ScriptedHub | None
) -> None:
    theme, width, height = look
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="ru-RU", timezone_id="Europe/Moscow"
    )
    chosen = json.dumps(json.dumps({"theme": theme}))
    await context.add_init_script(f"localStorage.setItem('ari-bridge.preferences', {chosen})")
    page = await context.new_page()
    await page.goto(address)
    if hub is not None:
        await liven(hub)
    await page.wait_for_timeout(1500)
    await page.evaluate("document.querySelectorAll('.u .at')[3]?.click()")  # of a call that can be heard
    await page.wait_for_timeout(1000)
    await frames(page)
    await page.screenshot(path=path)
    await context.close()


async def live_sections(browser: Browser, folder: Path) -> None:
    for name, path, me in LIVE_SECTIONS:
        for look in SIZES:
            calls = many() if me else busy()
            if name == "ring":
                calls = [in_snapshot(ringing("c1", client_number="+79001234567"), checklist=STEPS), *calls[2:]]
            async with serving(calls=calls, rest=dict(REST)) as hub:
                hub.me = me or hub.me
                lively = None if name == "ring" else hub
                await shoot(browser, hub.base + path, folder / f"{name}-{look[0]}-{look[1]}.png", look, lively)


async def past_sections(browser: Browser, folder: Path) -> None:
    port = free_port()
    command = (str(Path(shutil.which("ari-bridge", path=ROOT / ".venv/bin") or "")), "demo", "--port", str(port))
    demo = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await asyncio.sleep(8)
        base = f"http://127.0.0.1:{port}"
        for name in PAST_SECTIONS:
            for look in SIZES:
                path = folder / f"{name}-{look[0]}-{look[1]}.png"
                section = f"history/{await heard(browser, base)}" if name == "past-call" else name
                await shoot(browser, f"{base}/#/{section}", path, look, None)
    finally:
        demo.terminate()
        await demo.wait()


async def heard(browser: Browser, base: str) -> str:
    """The id of a past call in which much was said."""
    context = await browser.new_context()
    answer = await context.request.get(f"{base}/api/history", params={"q": "дорого рассрочка"})
    found = [hit["id"] for hit in (await answer.json())["calls"] if hit["status"] == "ended"]
    await context.close()
    return str(found[0])


async def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        await live_sections(browser, folder)
        await past_sections(browser, folder)
        await browser.close()
    for path in sorted(folder.glob("*.png")):
        subprocess.run(["pngquant", "--force", "--skip-if-larger", "--output", str(path), "32", str(path)], check=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "page")
    asyncio.run(main(parser.parse_args().folder))
