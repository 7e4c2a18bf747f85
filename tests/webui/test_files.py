"""The page's files as they are served: nothing from elsewhere, nothing unsafe, vendored code untouched, small."""

from __future__ import annotations

import hashlib
import posixpath
import re

import pytest

from ari_bridge.hub.files import PageFile, lean
from ari_bridge.hub.pages import MIME
from tests.webui.scripted import WEBUI

OURS = sorted(path for path in WEBUI.rglob("*") if path.suffix in MIME and "vendor" not in path.parts)
ALL = sorted(path for path in WEBUI.rglob("*") if path.suffix in MIME)
WORDS = tuple(f"words/{path.stem}" for path in sorted((WEBUI / "words").glob("*.js")))
PURE = (
    "parse",
    "reduce",
    "link",
    "select",
    "text",
    "keys",
    "announce",
    "verdicts",
    "clock",
    "router",
    "i18n",
    "overview",
    "period",
    "timeline",
    "figures",
    *WORDS,
)


def test_vendored_files_are_as_published() -> None:
    listed = re.findall(r"([0-9a-f]{64})  (\S+)", (WEBUI / "vendor" / "README.md").read_text(encoding="utf-8"))
    assert {path.relative_to(WEBUI / "vendor").as_posix() for path in (WEBUI / "vendor").rglob("*.js")} == {
        name for _, name in listed
    }
    for digest, name in listed:
        assert hashlib.sha256((WEBUI / "vendor" / name).read_bytes()).hexdigest() == digest, name
    assert (WEBUI / "vendor" / "lit-html" / "LICENSE").is_file()


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_from_elsewhere_and_nothing_unsafe(path: object) -> None:
    text = WEBUI.joinpath(str(path)).read_text(encoding="utf-8")
    assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text.replace("http://www.w3.org/2000/svg", "")), (
        "an address of another host"
    )
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|unsafe(?:HTML|SVG|CSS)", text
    )
    assert not re.search(r"<[a-z][^>]*\s(?:style|on[a-z]+)=", text), (
        "an inline style or handler, which the policy blocks"
    )


@pytest.mark.parametrize("name", PURE)
def test_pure_files_know_no_browser(name: str) -> None:
    text = (WEBUI / f"{name}.js").read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    assert not re.search(
        r"\b(?:document|window|performance|localStorage|fetch|WebSocket|setTimeout|setInterval|navigator)\b", code
    )
    assert not re.search(r"Date\.now|Math\.random|new Date\(\)", code)
    assert {module.removesuffix(".js") for module in imported_by(f"{name}.js")} <= set(PURE)


def imported_by(name: str) -> set[str]:
    """The modules that this one needs at once, as paths below the page."""
    text = (WEBUI / name).read_text(encoding="utf-8")
    here = WEBUI / posixpath.dirname(name)
    return {
        (here / module).resolve().relative_to(WEBUI).as_posix()
        for module in re.findall(r"^(?:import|export)\b[^;]*?\"(\.[^\"]+\.js)\"", text, flags=re.M)
        if "vendor" not in name
    }


def needed_by(name: str) -> set[str]:
    """All modules that must be there before this one runs, itself included."""
    found, open_ = {name}, [name]
    while open_:
        for module in imported_by(open_.pop()) - found:
            found.add(module)
            open_.append(module)
    return found


def preloaded() -> set[str]:
    html = (WEBUI / "index.html").read_text(encoding="utf-8")
    return set(re.findall(r'modulepreload" href="([^"]+)"', html))


def test_every_module_of_the_first_page_is_asked_for_at_once() -> None:
    """Else a page over `ssh -L` waits for each level of imports in turn; and nothing else is loaded before it."""
    vendored = {path.relative_to(WEBUI).as_posix() for path in (WEBUI / "vendor").rglob("directive*.js")}
    assert preloaded() | {"app.js"} == needed_by("app.js") | vendored


def test_every_section_comes_with_its_style_and_words() -> None:
    """What `stage.js` loads when somebody goes there."""
    text = (WEBUI / "router.js").read_text(encoding="utf-8")
    sections = set(re.findall(r'name: "(\w+)"', text)) - {"calls"}
    assert sections
    for name in sections:
        for path in (f"views/{name}.js", f"views/{name}.css", f"words/{name}.ru.js", f"words/{name}.en.js"):
            assert (WEBUI / path).is_file(), path
        assert "export function open(" in (WEBUI / f"views/{name}.js").read_text(encoding="utf-8")


def test_no_text_of_the_page_looks_like_a_comment() -> None:
    """The hub sends scripts without the lines that are comments: none of these may be within a text or a template."""
    for path in OURS:
        if path.suffix == ".js":
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            quiet = re.sub(r"/\*.*?\*/|//[^\n]*", "", "".join(lines), flags=re.S)
            assert lean(path).count(b"`") == quiet.count("`"), path.name
            assert quiet.count("`") % 2 == 0, path.name


def test_the_whole_page_is_light() -> None:
    """Every section, in both languages."""
    bodies = [PageFile(path).representation("gzip").body for path in ALL]
    assert sum(map(len, bodies)) <= 90_000
