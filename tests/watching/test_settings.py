"""`[watch]` of `cotmon.toml`: read strictly, and overridden by COTMON_MODE."""

import pytest

from cotmon.content import store_url
from cotmon.errors import ContentError, UnknownNameError, UsageError
from cotmon.watching import read_settings


@pytest.mark.parametrize(
    ("watch", "named"),
    [
        ("modes = 3", "modes"), ("ask = -0.1", "ask"), ("ask = nan", "ask"), ("block = '1'", "block"),
        ("timeout_ms = 0", "timeout_ms"), ("audits = -1", "audits"), ("on_missing_reasoning = 'allow'", "on_missing"),
        ("[watch.tools.'send_*']\nmode = 'loud'", "mode"), ("[watch.tools.x]\nasks = 1.0", "asks"),
        ("[watch.failures.'scheming/dynamite']\non_error = 'cry'", "on_error"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file(project, watch, named):
    path = project(watch)
    with pytest.raises(ContentError) as caught:
        read_settings(path)
    assert str(path) in str(caught.value) and named in str(caught.value)


def test_nothing_is_enforced_until_somebody_says_so(project, tmp_path):
    project().write_text("")
    found = read_settings()
    assert (found.settings.mode, found.settings.tool("any").mode) == ("observe", "observe")
    assert found.database is None and found.path == tmp_path / "cotmon.toml"


def test_the_longest_glob_wins_and_gaps_come_from_above(project):
    project(
        "ask = 0.4\n[watch.tools.'*']\nmode = 'observe'\n[watch.tools.'send_*']\nmode = 'enforce'\nblock = 0.9\n"
        "[watch.tools.send_note]\nask = 0.0",
        mode="observe",
    )
    settings = read_settings().settings
    mail, note, other = (settings.tool(n) for n in ("send_mail", "send_note", "Send_mail"))
    assert (mail.mode, mail.ask, mail.block) == ("enforce", 0.4, 0.9)
    assert (note.mode, note.ask, note.block) == ("observe", 0.0, 1.01)
    assert other.mode == "observe"
    assert settings.enforces


@pytest.mark.parametrize("mode", ["off", "observe", "enforce", "ENFORCE"])
def test_the_environment_overrides_every_mode_and_says_so(project, monkeypatch, caplog, mode):
    project("[watch.tools.x]\nmode = 'enforce'", mode="observe")
    monkeypatch.setenv("COTMON_MODE", mode)
    settings = read_settings().settings
    assert {settings.mode, settings.tool("x").mode} == {mode.lower()}
    assert f"COTMON_MODE={mode.lower()} overrides" in caplog.text


def test_an_unknown_mode_of_the_environment_is_refused(project, monkeypatch):
    project()
    monkeypatch.setenv("COTMON_MODE", "enforced")
    with pytest.raises(UsageError, match="COTMON_MODE"):
        read_settings()


def test_a_policy_for_a_monitor_that_does_not_exist_is_refused(watch):
    with pytest.raises(UnknownNameError, match="scheming/dynamite"):
        watch("[watch.failures.'scheming/dynamit']\non_error = 'allow'")


def test_a_store_is_looked_for_from_the_folder_of_its_file(tmp_path):
    path = tmp_path / "cotmon.toml"
    for given, meant in [
        ("sqlite:///a/b.db", f"sqlite:///{tmp_path}/a/b.db"), ("sqlite:////b.db", "sqlite:////b.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"), ("postgresql://h/n", "postgresql://h/n"),
    ]:  # fmt: skip
        path.write_text(f'[store]\nurl = "{given}"\n')
        assert store_url(path) == meant
    path.write_text("[store]\nurl = 3\n")
    with pytest.raises(ContentError, match=r"store\.url"):
        store_url(path)
