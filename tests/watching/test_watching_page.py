"""`docs/watching.md` is held to the settings."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from cotmon.content import convert, find_monitors
from cotmon.watching import LEVELS, Failure, Settings, ToolPolicy

PAGE = (Path(__file__).parents[2] / "docs" / "watching.md").read_text("utf-8")


def table(heading):
    part = PAGE[PAGE.index(heading) :]
    lines = part[part.index("\n| ") + 1 :].split("\n\n")[0].splitlines()
    return [
        [cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines[2:]
    ]


def test_every_setting_is_documented_with_its_default():
    said = {row[0]: row[1] for row in table("\n`[watch]`:")}
    fields = msgspec.structs.fields(Settings)
    assert list(said) == [f.name for f in fields]
    for field in fields:
        default = field.default if field.default is not msgspec.NODEFAULT else ()
        shown = str(default).lower() if isinstance(default, bool) else str(default or "none")
        assert said[field.name] == shown, field.name


@pytest.mark.parametrize(
    ("heading", "kind"),
    [('`[watch.tools."GLOB"]`', ToolPolicy), ('`[watch.failures."MONITOR"]`', Failure)],
)
def test_every_policy_is_documented(heading, kind):
    assert sorted(row[0] for row in table(heading)) == sorted(kind.__struct_fields__)


def test_the_example_can_be_read_and_names_a_monitor_that_exists():
    deferring, text = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    found = convert(tomllib.loads(deferring)["watch"], Settings, Path("docs/watching.md"))
    assert found.protocol == "defer-to-trusted" and found.enforces
    found = convert(tomllib.loads(text)["watch"], Settings, Path("docs/watching.md"))
    assert found.failures.keys() <= find_monitors().keys()
    assert found.tool("send_mail").mode == "enforce" and found.tool("read").mode == "observe"


def test_decisions_are_listed_from_mild_to_severe():
    assert [row[0] for row in table("Decisions are")] == list(LEVELS)
