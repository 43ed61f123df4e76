"""`cotmon promote`: one mode changes, and nothing else of the file."""

import subprocess
import sys
from pathlib import Path

import pytest

from cotmon.errors import ContentError, UsageError
from cotmon.watching.promoting import promoted, settings_in, write_whole

FILE = Path("cotmon.toml")
COMMENTED = """# ours
[store]
url = "sqlite:///x.db"   # here

[watch]  # look
mode = "observe"
  ask   = 0.4

[watch.failures."scheming/dynamite"]
on_error = "block"
"""


@pytest.mark.parametrize(
    "text",
    [
        "", COMMENTED, COMMENTED.replace("\n", "\r\n"), 'watch.mode = "observe"\n',
        'watch = {mode = "observe", tools = {read = {ask = 0.3}}}\n',
        '[watch.tools.read]\nask = 0.3\n\n[watch]\nmode = "observe"\n',
        '[watch.tools."send_*"]\nblock = 0.9 # dear\n\n[other]\nx = 1\n',
        '[watch]\nmode = "observe"\n[watch.tools]\n"send_*" = {mode = "observe"}\n',
    ],
)  # fmt: skip
def test_one_policy_changes_and_all_else_stays(text):
    after = promoted(text, "send_*", "enforce", FILE)
    assert settings_in(after, FILE).tools["send_*"].mode == "enforce"
    for line in text.splitlines():
        if "send_*" not in line and "watch = {" not in line:
            assert line in after.splitlines()
    before = settings_in(text, FILE)
    other = settings_in(after, FILE)
    assert (other.mode, other.ask, other.failures) == (before.mode, before.ask, before.failures)
    assert {k: v for k, v in other.tools.items() if k != "send_*"} == {
        k: v for k, v in before.tools.items() if k != "send_*"
    }
    assert promoted(after, "send_*", "enforce", FILE) == after
    back = promoted(after, "send_*", "observe", FILE)
    assert settings_in(back, FILE).tools["send_*"].mode == "observe"


@pytest.mark.parametrize(
    "text", ["watch = 3\n", "[watch\n", '[watch]\nmode = "loud"\n', "[watch]\ntools = 3\n"]
)
def test_a_wrong_file_is_refused(text):
    with pytest.raises(ContentError):
        promoted(text, "send_*", "enforce", FILE)


def test_an_empty_glob_is_refused():
    with pytest.raises(UsageError):
        promoted("", " ", "enforce", FILE)


def test_writing_keeps_permissions_and_links_and_fails_whole(tmp_path):
    real, link = tmp_path / "real.toml", tmp_path / "cotmon.toml"
    real.write_text("a")
    real.chmod(0o640)
    link.symlink_to(real)
    write_whole(link, "b\r\n")
    assert (
        link.is_symlink() and real.read_bytes() == b"b\r\n" and real.stat().st_mode & 0o777 == 0o640
    )
    with pytest.raises(UnicodeEncodeError):
        write_whole(real, "\ud800")
    assert real.read_bytes() == b"b\r\n" and len(list(tmp_path.iterdir())) == 2


def test_it_shows_the_change_and_writes_only_what_was_agreed_to(project, tmp_path):
    path = project(mode="observe")
    text = path.read_text()

    def promote(*words, said=""):
        return subprocess.run(
            [sys.executable, "-m", "cotmon", "promote", "--tool", "send_*", *words],
            capture_output=True, text=True, input=said,
        )  # fmt: skip

    for said in ("n\n", ""):
        no = promote(said=said)
        assert no.returncode == 2 and '+mode = "enforce"' in no.stdout and path.read_text() == text
    assert "no call of such a tool was watched" in no.stderr
    yes = promote(said="y\n")
    assert (
        yes.returncode == 0
        and settings_in(path.read_text(), path).tools["send_*"].mode == "enforce"
    )
    assert "says so already" in promote("--yes").stdout
