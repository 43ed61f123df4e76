"""Which messages of a history are new, whatever a client makes of them."""

import pytest

from cotmon.watching import line as line_module
from cotmon.watching.line import Line


def user(text):
    return {"role": "user", "content": text}


def said(text, call=None, **more):
    calls = (
        [{"id": call, "type": "function", "function": {"name": "f", "arguments": "{}"}}]
        if call
        else []
    )
    return {"role": "assistant", "content": text, "tool_calls": calls, **more}


SYSTEM = {"role": "system", "content": "be good"}
WHOLE = [SYSTEM, user("ok"), said("one", "c1", reasoning_content="hm"),
         {"role": "tool", "tool_call_id": "c1", "content": "1"}, said("two")]  # fmt: skip


def told(line, chats, ids=None):
    heard = list(zip(ids or [None] * len(chats), chats, strict=True))
    return [chat["content"] for _, chat in line.new(heard)]


@pytest.fixture
def line():
    made = Line()
    assert told(made, WHOLE) == ["be good", "ok", "one", "1", "two"]
    return made


def test_the_same_history_holds_nothing_new(line):
    assert told(line, WHOLE) == [] and len(line) == 5
    assert told(line, [*WHOLE, user("ok")]) == ["ok"], "the same words later are new"
    assert told(line, [*WHOLE, user("ok"), said("three"), user("ok")]) == ["three", "ok"]


def test_what_clients_leave_out_makes_no_other_message(line):
    back = [
        SYSTEM, {"role": "user", "content": [{"type": "text", "text": "ok"}], "name": "me"},
        said("one", "c1"), WHOLE[3], {"role": "assistant", "content": "two"}, user("new"),
    ]  # fmt: skip
    assert told(line, back) == ["new"]


def test_a_history_cut_at_its_front_or_holding_only_what_is_new(line):
    assert told(line, [SYSTEM, *WHOLE[3:], user("a")]) == ["a"]
    assert told(line, [said("two"), user("a"), user("b")]) == ["b"]
    assert told(line, [user("c")]) == ["c"]
    assert told(line, [user("c"), user("d")]) == ["d"], "its end is known"


def test_one_changed_message_does_not_make_the_rest_new(line):
    changed = [*WHOLE[:2], said("one!", "c1"), *WHOLE[3:]]
    assert told(line, changed) == ["one!"]
    assert told(line, [*changed, user("x")]) == ["x"]
    assert told(line, [*changed, user("x"), said("y")]) == ["y"]


def test_ids_decide_where_hosts_have_them():
    line = Line()
    assert told(line, [user("ok"), user("ok")], ["1", "2"]) == ["ok", "ok"]
    assert told(line, [user("ok"), user("ok")], ["2", "3"]) == ["ok"]
    assert told(line, [user("other words")], ["3"]) == []
    assert line.holds("3") and not line.holds("4")


def test_of_a_long_history_with_ids_only_what_is_new_is_read(monkeypatch):
    read, real = [], line_module._mark
    monkeypatch.setattr(line_module, "_mark", lambda chat: read.append(chat) or real(chat))
    line, chats = Line(), [user(str(k)) for k in range(500)]
    ids = [f"m{k}" for k in range(501)]
    told(line, chats, ids[:-1])
    read.clear()
    assert told(line, [*chats, user("new")], ids) == ["new"] and read == [user("new")]
    assert told(line, [user("0!"), *chats[1:], user("new"), user("last")], [*ids, "z"]) == ["last"]
