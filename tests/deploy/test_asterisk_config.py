"""`ari-bridge asterisk-config` as an ops engineer runs it, into folders that have something in them already."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.deploy.office import asterisk_config

ARGUMENTS = ("--host", "sip.example.ru", "--user", "user1", "--did", "79918987423", "--operators", "1001,1002")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_without_output_it_shows_and_masks() -> None:
    done = asterisk_config(*ARGUMENTS, environ={"ARI_BRIDGE_ARI__PASSWORD": "hunter2"})
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert re.findall(r"^password = (.*)$", done.stdout, re.MULTILINE) == ["**********"] * 4
    for name in ("http.conf", "ari.conf", "pjsip.conf", "extensions.conf"):
        assert f";;;;; {name}" in done.stdout


def test_files_are_for_their_owner_and_group_alone(tmp_path: Path) -> None:
    done = asterisk_config(*ARGUMENTS, "--output", str(tmp_path))
    assert done.returncode == 0
    for name in ("http.conf", "ari.conf", "pjsip.conf", "extensions.conf", "rtp.conf"):
        assert mode(tmp_path / name) == 0o640
    assert mode(tmp_path / "ari-bridge.env") == 0o600
    assert "the trunk's password is missing" in done.stdout
    made = re.findall(r"^password = (.*)$", (tmp_path / "pjsip.conf").read_text(), re.MULTILINE)
    assert len({*made}) == 3  # two telephones and the mark
    assert not [password for password in made[1:] if password in done.stdout + done.stderr or len(password) < 16]


def test_a_file_that_was_there_is_kept_and_keeps_its_content(tmp_path: Path) -> None:
    theirs = "[general]\nenabled=no\n\n[other-user]\ntype=user\npassword=x\n; \udce9 old letters\n"
    (tmp_path / "ari.conf").write_text(theirs, errors="surrogateescape")
    assert asterisk_config(*ARGUMENTS, "--output", str(tmp_path)).returncode == 0
    merged = (tmp_path / "ari.conf").read_bytes()
    assert merged.startswith(theirs.strip().encode(errors="surrogateescape"))
    assert b"[general](+)" in merged
    [kept] = tmp_path.glob("ari.conf.2*")
    assert kept.read_bytes() == theirs.encode(errors="surrogateescape")


def test_an_http_server_that_runs_stays_where_it_is_and_a_link_stays_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("[general]\nenabled=yes\nbindaddr=0.0.0.0\n")
    (tmp_path / "http.conf").symlink_to(elsewhere)
    assert asterisk_config(*ARGUMENTS, "--output", str(tmp_path)).returncode == 0
    assert (tmp_path / "http.conf").is_symlink()
    text = elsewhere.read_text()
    assert "sessionlimit = 500" in text
    assert "bindaddr = 127.0.0.1" not in text


def test_telephones_and_a_transport_that_exist_stay_theirs(tmp_path: Path) -> None:
    (tmp_path / "pjsip.conf").write_text(
        "[t]\ntype=transport\nbind=0.0.0.0\n\n[1001]\ntype=endpoint\n\n[1001]\ntype=aor\n"
    )
    done = asterisk_config(*ARGUMENTS, "--output", str(tmp_path))
    assert "telephones that exist already stay as they are: 1001" in done.stdout
    text = (tmp_path / "pjsip.conf").read_text()
    assert text.count("type=transport") + text.count("type = transport") == 1
    assert len(re.findall(r"^\[1001\]", text, re.MULTILINE)) == 2
    assert len(re.findall(r"^\[1002\]", text, re.MULTILINE)) == 3


def test_passwords_stay_when_it_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("trunk;secret\n")
    asterisk_config(*ARGUMENTS, "--output", str(tmp_path), "--password-file", str(tmp_path / "secret"))
    before = (tmp_path / "pjsip.conf").read_text(), (tmp_path / "ari.conf").read_text()
    done = asterisk_config(*ARGUMENTS, "--output", str(tmp_path))
    assert done.stdout.count("unchanged") == 5
    assert ((tmp_path / "pjsip.conf").read_text(), (tmp_path / "ari.conf").read_text()) == before
    assert "trunk\\;secret" in before[0]


def test_over_freepbx_only_custom_files_are_touched(tmp_path: Path) -> None:
    generated = ("ari.conf", "http.conf", "extensions.conf", "extensions_additional.conf", "pjsip.conf")
    for name in generated:
        (tmp_path / name).write_text("; FreePBX\n")
    (tmp_path / "extensions_custom.conf").write_text("[from-internal-custom]\nexten => 1,1,NoOp()\n")
    done = asterisk_config(*ARGUMENTS, "--way", "notice", "--output", str(tmp_path))
    assert done.returncode == 0
    assert {(tmp_path / name).read_text() for name in generated} == {"; FreePBX\n"}
    custom = (tmp_path / "extensions_custom.conf").read_text()
    assert custom.startswith("[from-internal-custom]")
    assert "[from-mango-ari-bridge]" in custom
    assert "[ari_bridge]" in (tmp_path / "ari_additional_custom.conf").read_text()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pjsip.conf", "[mango]\ntype=endpoint\n", "pjsip.conf: line 1 has a section [mango] already"),
        ("extensions.conf", "\n[from-mango]\n", "extensions.conf: line 2 has a section [from-mango] already"),
        ("ari.conf", "[ari_bridge]\ntype=user\n", "ari.conf: line 1 has a section [ari_bridge] already"),
        ("http.conf", "; >>> ari-bridge: half\n[general]\n", "http.conf: our block is broken"),
    ],
)
def test_a_clash_writes_nothing(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    done = asterisk_config(*ARGUMENTS, "--output", str(tmp_path))
    assert done.returncode == 2
    assert told in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    if name == "ari.conf":
        assert asterisk_config(*ARGUMENTS, "--output", str(tmp_path), environ={"ARI_BRIDGE_ARI__USERNAME": "b"}).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--output", "/nonexistent"), "--output: /nonexistent is no folder"),
        (("--password-file", "/nonexistent"), "--password-file: /nonexistent cannot be read"),
        (("--host", "a;b"), "--host: must be a host name"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(arguments: tuple[str, ...], told: str) -> None:
    done = asterisk_config(*ARGUMENTS, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("user", ["general", "a]b", "x y"])
def test_an_ari_user_that_cannot_be_a_section(user: str) -> None:
    done = asterisk_config(*ARGUMENTS, environ={"ARI_BRIDGE_ARI__USERNAME": user})
    assert done.returncode == 2
    assert "ari.username" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may give files away")
def test_asterisk_can_read_what_root_writes(tmp_path: Path) -> None:
    """A folder that belongs to Asterisk's user; a file of it that root has written in the meantime."""
    (tmp_path / "ari.conf").write_text("[general]\n")
    os.chown(tmp_path, 1234, 1235)
    asterisk_config(*ARGUMENTS, "--output", str(tmp_path))
    for name in ("ari.conf", "pjsip.conf"):
        status = (tmp_path / name).stat()
        assert (status.st_uid, status.st_gid, mode(tmp_path / name)) == (1234, 1235, 0o640)


def test_lines_of_an_older_set_up_are_named(tmp_path: Path) -> None:
    (tmp_path / "extensions.conf").write_text("[old]\nexten => 1,1,AGI(hints.py)\n")
    assert "extensions.conf:2: exten => 1,1,AGI(hints.py)" in (
        asterisk_config(*ARGUMENTS, "--output", str(tmp_path)).stdout
    )
