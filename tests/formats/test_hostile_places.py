"""Hostile places: pipes, devices, links, missing rights, odd names; what else is there is read."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hostile_corpus import GOOD, good

import cotmon
from cotmon.formats import Options, find_files, read_file
from cotmon.formats._file import LogFile
from cotmon.records import Refusal, Transcript

AS_NOBODY = """
import os, sys
import cotmon, cotmon.formats
list(cotmon.read([]))
for name in cotmon.formats.FORMATS.names():
    cotmon.formats.FORMATS.load(name)
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
for item in cotmon.read(sys.argv[1:]):
    print(type(item).__name__, getattr(item, "reason", ""), getattr(item, "file", ""), sep="|")
"""
"""Tests may run as root, who may read everything."""


def said_of(*paths):
    """File name → reason, and how many transcripts were read besides."""
    items = list(cotmon.read([str(path) for path in paths]))
    refused = {item.file: item.reason for item in items if isinstance(item, Refusal)}
    return refused, sum(isinstance(item, Transcript) for item in items)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.jsonl").write_bytes(GOOD)
    return tmp_path


def test_a_named_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe")
    for path in (folder, folder / "pipe"):
        refused, read = said_of(path, folder / "good.jsonl")
        assert "a named pipe" in refused[str(folder / "pipe")]
        assert read == 1


def test_sockets_and_devices_are_refused(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        refused, read = said_of(folder, "/dev/zero", "/dev/null")
    assert "a socket" in refused[str(folder / "socket")]
    assert "a device" in refused["/dev/zero"]
    assert "a device" in refused["/dev/null"]
    assert read == 1


def test_links_that_lead_nowhere_or_round(folder):
    (folder / "nowhere").symlink_to(folder / "missing")
    (folder / "round").symlink_to(folder / "round")
    (folder / "up").symlink_to(folder)
    (folder / "again.jsonl").symlink_to(folder / "good.jsonl")
    refused, read = said_of(folder)
    assert "No such file" in refused[str(folder / "nowhere")]
    assert "symbolic links" in refused[str(folder / "round")]
    assert "link to a folder" in refused[str(folder / "up")]
    assert read == 1
    assert len(refused) == 3
    assert said_of(folder / "up")[1] == 1, "a link that was named is followed"
    assert "symbolic links" in said_of(folder / "round")[0][str(folder / "round")]


def test_a_folder_without_permission(folder):
    locked, closed = folder / "locked", folder / "closed.jsonl"
    locked.mkdir()
    (locked / "in.jsonl").write_bytes(GOOD)
    closed.write_bytes(GOOD)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and len(parent.parts) > 2:
            parent.chmod(0o755)
    folder.chmod(0o755)
    locked.chmod(0)
    closed.chmod(0)
    command = [sys.executable, "-c", AS_NOBODY, str(folder), str(locked / "in.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    locked.chmod(0o755)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("Transcript") for line in lines) == 1
    denied = [line.rpartition("|")[2] for line in lines if "Permission denied" in line]
    assert sorted(denied) == sorted([str(closed), str(locked), str(locked / "in.jsonl")])


@pytest.mark.parametrize(
    "name", ["a\0b", "x" * 300, "a/" * 4000, "[" * 50, "*\0", "**/" * 20 + "*", "", "~nobody-here"]
)
def test_names_that_lead_nowhere(folder, monkeypatch, name):
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder / "empty")
    refused, read = said_of(name, folder)
    assert read == 1
    assert len(refused) == 1


def test_names_that_are_no_utf_8_are_said_in_letters(folder):
    bad = os.fsencode(folder) + b"/\xff\xfe.jsonl"
    with open(bad, "wb") as file:  # noqa: PTH123
        file.write(GOOD)
    refused, read = said_of(folder, os.fsdecode(bad))
    (name,) = refused
    assert name.encode().endswith(b"\\udcff\\udcfe.jsonl")
    assert "not UTF-8" in refused[name]
    assert read == 1


@pytest.mark.parametrize("name", ["[a].jsonl", "*", "a\nb\x1b[2J.jsonl", "-", "--help", "?.jsonl"])
def test_names_with_meaning_are_files_where_files_are(folder, name):
    (folder / name).write_bytes(GOOD.replace(b'"x"', b'"y"'))
    refused, read = said_of(folder / name)
    assert (refused, read) == ({}, 1)


def test_a_file_named_twice_is_read_once(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = ["good.jsonl", "./good.jsonl", str(folder), str(folder / "good.jsonl"), "*.jsonl"]
    assert said_of(*names) == ({}, 1)


def test_standard_input_named_twice_is_read_once():
    code = "import cotmon; print(len(list(cotmon.read(['-', '-']))))"
    for data, count in ((GOOD, 1), (b"", 1), (good(2000) + b"{", 2001)):
        done = subprocess.run(
            [sys.executable, "-c", code], input=data, capture_output=True, timeout=60, check=True
        )
        assert int(done.stdout) == count


def test_a_file_that_goes_away_while_it_is_found(folder):
    (found,) = find_files([folder])
    assert isinstance(found, Path)
    (folder / "good.jsonl").unlink()
    (item,) = read_file(found, Options())
    assert isinstance(item, Refusal)
    assert "No such file" in item.reason


def test_a_file_that_is_cut_while_it_is_read(folder):
    lines = good(20_000)
    path = folder / "long.jsonl"
    path.write_bytes(lines)
    items = cotmon.read(path)
    first = next(items)
    os.truncate(path, len(lines) // 2 + 7)
    rest = list(items)
    assert isinstance(first, Transcript)
    (refusal,) = [item for item in rest if isinstance(item, Refusal)]
    assert "still being written" in refusal.reason
    assert 5_000 < len(rest) < 20_000


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(folder):
    path = folder / "good.jsonl"
    (found,) = find_files([path])
    assert isinstance(found, Path)
    path.unlink()
    os.mkfifo(path)
    items: list[object] = []
    reading = threading.Thread(
        target=lambda: items.extend(read_file(found, Options())), daemon=True
    )
    reading.start()
    reading.join(10)
    assert items, "it hangs"
    assert isinstance(items[0], Refusal)


def test_the_stem_of_odd_names(tmp_path):
    for name, stem in ((".jsonl", ".jsonl"), ("a.b.c", "a"), ("x", "x")):
        assert LogFile(tmp_path / name).stem == stem
