"""The canary: held by every host, without a network; and a host that lets it fly is found out."""

from importlib.metadata import PackageNotFoundError

import pytest
from typer.testing import CliRunner

from cotmon.cli.main import _app
from cotmon.hosts import _canary
from cotmon.hosts._canary import ALLOWED, BLOCKED, CanaryResult, Finding, NoCanaryError, fire

OFFLINE = """
import socket
_connect = socket.socket.connect
def connect(self, address):
    if not (isinstance(address, tuple) and address[0] in ("127.0.0.1", "::1")):
        raise AssertionError(f"asked for the network: {address}")
    return _connect(self, address)
socket.socket.connect = connect
"""
OPEN = """
import cotmon.hosts._gate
cotmon.hosts._gate.verdict = lambda watcher, decision: "run"
"""
DEAF = """
from cotmon.watching import Conversation
def judge(self, said):
    raise RuntimeError("no")
Conversation.judge = judge
"""
BOTH = CanaryResult((ALLOWED, BLOCKED), ("Sing.",))
HELD = CanaryResult((ALLOWED,), ("Sing.",))


@pytest.fixture
def beginning(tmp_path, monkeypatch):
    """Puts code at the beginning of the process in which the canary is run."""

    def put(code):
        (tmp_path / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


@pytest.mark.parametrize("name", ["langchain", "langgraph", "openai", "proxy"])
def test_every_host_holds_its_canary_and_asks_for_no_network(name, beginning, monkeypatch):
    beginning(OFFLINE)
    monkeypatch.setenv("COTMON_MODE", "observe")
    found = fire(name)
    assert len(found) == (5 if name == "langchain" else 4)  # its tokens can be watched
    assert all(finding.holds for finding in found), found


def test_a_host_whose_gate_stands_open_is_found_out(beginning):
    beginning(OPEN)
    assert [f.what for f in fire("langgraph") if not f.holds] == ["the blocked tool RAN"]


def test_a_watch_that_never_judges_is_found_out(beginning):
    beginning(DEAF)
    failed = [finding.what for finding in fire("langgraph") if not finding.holds]
    assert failed == ["the allowed tool ran 0 of 1 times"], "all is refused, and observing is inert"


def test_a_host_that_cannot_be_run_says_why(beginning):
    beginning("import sys\nsys.modules['langgraph'] = None")
    with pytest.raises(NoCanaryError, match="langgraph"):
        fire("langgraph")


@pytest.mark.parametrize(
    ("observed", "enforced", "wrong"),
    [
        (HELD, HELD, "observing changes what runs"),
        (CanaryResult(BOTH.ran, ("Other.",)), HELD, "observing changes what the model is told"),
        (BOTH, CanaryResult((), ()), "the allowed tool ran 0 of 1 times"),
        (BOTH, CanaryResult((ALLOWED,), ("blocked by scheming/canary",)), "is told why"),
    ],
)
def test_what_does_not_hold_is_said(observed, enforced, wrong):
    (failed,) = [f.what for f in _canary._judged(BOTH, observed, enforced) if not f.holds]
    assert wrong in failed


def test_a_blocked_call_that_was_shown_is_found_out():
    bare = CanaryResult(BOTH.ran, BOTH.told, (BLOCKED,))
    shown = CanaryResult(HELD.ran, HELD.told, (BLOCKED,))
    (failed,) = [f.what for f in _canary._judged(bare, bare, shown) if not f.holds]
    assert failed == "the blocked call was SHOWN"


def test_an_agent_that_does_nothing_shows_nothing():
    with pytest.raises(NoCanaryError):
        list(_canary._judged(CanaryResult((), ()), HELD, HELD))


def _failing(name):
    raise NoCanaryError("no")


@pytest.mark.parametrize(
    ("canary", "code", "said"),
    [
        (lambda name: [Finding(True, "well")], 0, "holds"),
        (lambda name: [Finding(True, "well"), Finding(False, "RAN")], 1, "does not hold"),
        (_failing, 2, "could not be run: no"),
    ],
)
def test_the_doctor_ends_with_what_was_found(monkeypatch, canary, code, said):
    monkeypatch.setattr("cotmon.cli.commands.doctor.fire", canary)
    done = CliRunner().invoke(_app("doctor"), ["doctor", "langgraph"])
    assert done.exit_code == code
    assert said in done.stdout
    assert "langgraph" in done.stdout


def test_a_host_that_is_not_installed_is_not_tried(monkeypatch):
    monkeypatch.setattr("cotmon.cli.commands.doctor.fire", lambda name: 1 / 0)
    monkeypatch.setattr("cotmon.cli.commands.doctor.version", _missing)
    done = CliRunner().invoke(_app("doctor"), ["doctor", "langgraph"])
    assert done.exit_code == 2
    assert "pip install 'cotmon[langgraph]'" in done.stdout


def _missing(name):
    raise PackageNotFoundError(name)
