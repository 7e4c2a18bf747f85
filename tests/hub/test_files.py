"""The page's files as they go over the wire."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_bridge.hub.files import PageFile, is_known, lean, takes_gzip

LONG = b"export const words = 'over and over';\n" * 50


@pytest.mark.parametrize(
    ("header", "packed"),
    [
        ("gzip, deflate, br", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("identity", False),
    ],
)
def test_who_takes_gzip_gets_it(tmp_path: Path, header: str, packed: bool) -> None:
    path = tmp_path / "a.js"
    path.write_bytes(LONG)
    shown = PageFile(path).representation(header)
    assert (shown.encoding == "gzip") is packed
    assert (gzip.decompress(shown.body) if packed else shown.body) == LONG


def test_what_gzip_makes_no_smaller_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.js"
    path.write_bytes(b"1;")
    assert PageFile(path).representation("gzip").encoding is None


def test_a_file_that_changed_is_read_anew_and_has_another_name(tmp_path: Path) -> None:
    path = tmp_path / "a.js"
    path.write_bytes(LONG)
    file = PageFile(path)
    first = file.representation("")
    assert file.representation("") is first
    path.write_bytes(LONG + b"//")
    second = file.representation("")
    assert second.body == LONG + b"//"
    names = {first.etag, second.etag, file.representation("gzip").etag}
    assert len(names) == 3
    path.unlink()
    with pytest.raises(OSError, match=r"a\.js"):
        file.representation("")


@pytest.mark.parametrize(
    ("given_", "known"), [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False)]
)
def test_who_has_it_already_is_not_sent_it_again(given_: str, known: bool) -> None:
    assert is_known(given_, '"a"') is known


@given(st.text())
def test_no_header_makes_it_raise(header: str) -> None:
    takes_gzip(header)
    is_known(header, '"a"')


def test_comments_of_our_own_stay_at_home(tmp_path: Path) -> None:
    script = tmp_path / "a.js"
    script.write_text(
        '/** What it is. */\n/**\n * More **of** it /* here.\n */\nexport const a = "/** no */; // no"; // gone\n'
        "const c = `a; // no`;\nconst d = e // stays\n"
        "  // gone\n  const b = 1; /* stays */\n",
        encoding="utf-8",
    )
    assert lean(script) == (
        b'export const a = "/** no */; // no";\nconst c = `a; // no`;\nconst d = e // stays\nconst b = 1; /* stays */\n'
    )
    style = tmp_path / "a.css"
    style.write_text("/* What\n   it is. */\n.a {\n  color: red; /* stays */\n}\n", encoding="utf-8")
    assert lean(style) == b".a {\ncolor: red; /* stays */\n}\n"
    vendored = tmp_path / "vendor" / "a.js"
    vendored.parent.mkdir()
    vendored.write_text("/** @license */\n", encoding="utf-8")
    assert lean(vendored) == b"/** @license */\n"
