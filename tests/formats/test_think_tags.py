"""Think tags cut a text; nothing but the tags is lost."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.formats._think_tags import split

R, T = "reasoning", "text"
TAGS = ["<think>", "</think>", "<Thinking>", "</thinking>", "[THINK]", "[/THINK]", "<reasoning>"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain", [(T, "plain")]),
        ("<think>a</think>b", [(R, "a"), (T, "b")]),
        ("a</think>b", [(R, "a"), (T, "b")]),
        ("a<think>b", [(T, "a"), (R, "b")]),
        ("x<think>a</think>y<think>b</think>z", [(T, "x"), (R, "a"), (T, "y"), (R, "b"), (T, "z")]),
        ("<think><think>a</think>b", [(R, "a"), (T, "b")]),
        ("<thinking>a<reasoning>b</reasoning></thinking>d", [(R, "a"), (R, "b"), (T, "d")]),
        ("<thought>a</thought>b", [(R, "a"), (T, "b")]),
        ("<scratchpad>a</scratchpad>b", [(R, "a"), (T, "b")]),
        ("<SCRATCHPAD_REASONING>a</SCRATCHPAD_REASONING>b", [(R, "a"), (T, "b")]),
        ("[THINK]a[/THINK]b", [(R, "a"), (T, "b")]),
        ("◁think▷a◁/think▷b", [(R, "a"), (T, "b")]),
        ("<|begin_of_thought|>a<|end_of_thought|>b", [(R, "a"), (T, "b")]),
        ('<think mode="x">a</think>b', [(R, "a"), (T, "b")]),
        ("a <thinker>b</thinker> <think/>", [(T, "a <thinker>b</thinker> <think/>")]),
        ("use `<think>` here", [(T, "use `<think>` here")]),
        ("``a ` </think>`` b", [(T, "``a ` </think>`` b")]),
        ("```\n<think>\n```\nb", [(T, "```\n<think>\n```\nb")]),
        ("~~~\n</think>\n~~~", [(T, "~~~\n</think>\n~~~")]),
        ("<think>`a</think>b", [(R, "`a"), (T, "b")]),
        # A fence nobody closed must not swallow the answer.
        ("<think>\n```py\nx</think>b\n```py\ny\n```", [(R, "\n```py\nx"), (T, "b\n```py\ny\n```")]),
        ("<think>\n```\nx\n```</think>b", [(R, "\n```\nx\n```"), (T, "b")]),
        ("", []),
    ],
)  # fmt: skip
def test_pieces(text, pieces):
    assert split(text) == pieces


@given(st.lists(st.one_of(st.sampled_from(TAGS), st.text("ab \n`<", max_size=6)), max_size=12))
def test_nothing_is_lost_but_tags(parts):
    text = "".join(parts)
    joined = "".join(piece for _, piece in split(text))
    assert _untagged(joined) == _untagged(text)
    if "`" not in text:
        assert joined == _untagged(text)


def _untagged(text):
    return re.sub(r"</?(?:think|thinking|reasoning)>|\[/?THINK\]", "", text, flags=re.IGNORECASE)


@given(st.text("ab\n`~", max_size=30))
def test_text_without_tags_is_untouched(text):
    assert split(text) == ([(T, text)] if text else [])


@pytest.mark.parametrize(
    "text",
    ["`" * 200_000 + "<think>", "` " * 100_000 + "<think>", "<think>" * 50_000,
     "```\n" * 50_000 + "<think>", "<think " + " " * 200_000, " \t" * 100_000 + "\n<think>"],
)  # fmt: skip
def test_hostile_text_is_cheap(text):
    begin = time.process_time()
    split(text)
    assert time.process_time() - begin < 3
