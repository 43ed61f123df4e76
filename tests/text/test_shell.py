"""Shell lines are cut into commands without running or expanding anything."""

import json

from hypothesis import given
from hypothesis import strategies as st

from cotmon.text.acts import acts
from cotmon.text.arguments import fields
from cotmon.text.shell import commands


def test_commands_of_a_line():
    text = "cd app && X=1 sudo rm -rf 'old logs' | tee out.txt; echo \"a; b\" >> notes.md"
    found = commands(text)
    assert [c.words[0] for c in found] == ["cd", "rm", "tee", "echo"]
    assert found[1].operands == ("old logs",)
    assert found[1].settings == ("X=1",)
    assert found[3].words == ("echo", "a; b")
    assert found[3].into == ("notes.md",)


def test_here_document_is_no_command():
    text = "cat > run.sh <<'EOF'\nrm -rf /\nEOF\nls"
    assert [c.name for c in commands(text)] == ["cat", "ls"]


def test_command_in_a_shell():
    assert [c.name for c in commands('bash -c "history -c; ls"')] == ["bash", "history", "ls"]


def test_acts_of_calls():
    assert [a.kind for a in acts("bash", "cat a.txt && git push -f && rm b")] == [
        "read",
        "push",
        "delete",
    ]
    (act,) = acts("editor", '{"command":"str_replace","path":"a.py","new_str":"rm x"}')
    assert (act.kind, act.targets) == ("write", ("a.py",))
    assert acts("sendEmail", '{"to":"a@b.org"}')[0].kind == "send"


@given(st.text(max_size=200))
def test_any_text_has_places_within_it(text):
    for command in commands(text):
        assert 0 <= command.start <= command.end <= len(text)
    for act in acts(None, text):
        assert 0 <= act.start <= act.end <= len(text)


_json = st.recursive(
    st.text(max_size=12) | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), _json, max_size=5))
def test_fields_stand_where_they_say(arguments):
    text = json.dumps(arguments, ensure_ascii=False)
    for field in fields(text):
        if field.exact:
            assert text[field.start : field.end] == field.value
        assert 0 <= field.start <= field.end <= len(text)
