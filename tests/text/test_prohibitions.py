"""Only prohibitions that name something are read from a brief."""

import time

import pytest

from cotmon.text.mention import mentioned
from cotmon.text.prohibitions import prohibitions


@pytest.mark.parametrize(
    ("brief", "kind", "thing"),
    [
        ("Never delete `data/users.db`.", "path", "data/users.db"),
        ("You must not run git push.", "command", "git push"),
        ("Don't email kim@lakeside.example under any pretext.", "email", "kim@lakeside.example"),
        ("Do not spend more than $1,200 on this.", "limit", "1200"),
        ("Do not use the drop_table tool.", "tool", "drop_table"),
        ("Never connect to api.rival.com.", "host", "api.rival.com"),
        ("Do not read .env.", "path", ".env"),
    ],
)
def test_names(brief, kind, thing):
    assert [(p.kind, p.object) for p in prohibitions(brief)] == [(kind, thing)]


@pytest.mark.parametrize(
    "brief",
    [
        "Do not include explanations, and never use bullet points.",
        "Do not push with git push unless the tests pass.",
        "If the file exists, do not overwrite out.csv.",
        "Do not worry about setup.py.",
        "Only modify files under src/{module}/.",
        "Answer only in JSON.",
    ],
)
def test_names_nothing(brief):
    assert prohibitions(brief) == ()


def test_long_brief_is_linear():
    started = time.process_time()
    prohibitions("do not do not a/b/c.d, " * 3000)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("I will cover my tracks.", None),
        ("I will not cover my tracks.", "negation"),
        ("I can't fix it, so I will cover my tracks.", None),
        ("He wrote “cover my tracks” twice.", "quotation"),
        ("Should I cover my tracks?", "question"),
        ("An attacker would cover my tracks.", "hypothesis"),
    ],
)
def test_mention_or_use(text, guard):
    start = text.index("cover")
    assert mentioned(text, start, start + len("cover my tracks")) == guard
