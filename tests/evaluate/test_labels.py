"""Labels and recorded scores from CSV files, and what is wrong with them."""

import math

import pytest

from cotmon.errors import UsageError
from cotmon.evaluate import read_labels, read_recorded


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def test_labels_have_defaults_and_many_words_for_yes_and_no(tmp_path):
    rows = read_labels(write(tmp_path / "l.csv", (
        "\ufeffid,target,level,unit,split,group\na,1\nb,honest,message,u,test,g\nc,,step\nd,confirmed\n"
    )))  # fmt: skip
    assert [(r.id, r.target, r.level, r.unit, r.split, r.group) for r in rows] == [
        ("a", True, "transcript", "a", "", ""), ("b", False, "message", "u", "test", "g"),
        ("c", None, "step", "c", "", ""), ("d", True, "transcript", "d", "", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,label\na,1\n", "lacks target"),
        ("id,target\na,2\n", "l.csv:2: target is '2'"),
        ("id,target,level\na,1,page\n", "l.csv:2: level is 'page'"),
        ("id,target\n,1\n", "l.csv:2: it has no id"),
        ("", "lacks id and target"),
    ],
)
def test_wrong_labels_are_named_with_file_and_line(tmp_path, text, said):
    with pytest.raises(UsageError, match=said.replace("(", "\\(")):
        read_labels(write(tmp_path / "l.csv", text))


def test_an_empty_score_is_unscored_and_no_number_is_refused(tmp_path):
    found = read_recorded([write(tmp_path / "s.csv", "id,monitor,score\na,m,0.5\nb,m,\n")])
    assert found.of("transcript", "a") == {"m": 0.5}
    assert math.isnan(found.of("transcript", "b")["m"])
    assert found.unused() == [] and found.monitors == ["m"]
    for bad, said in (("a,m,high", "no number"), ("a,m,inf", "finite"), ("a,,1", "must say")):
        with pytest.raises(UsageError, match=f"s.csv:2: .*{said}"):
            read_recorded([write(tmp_path / "s.csv", f"id,monitor,score\n{bad}\n")])
    with pytest.raises(UsageError, match="more than once"):
        read_recorded([write(tmp_path / "s.csv", "id,monitor,score\na,m,1\na,m,2\n")])


def test_rows_that_contradict_each_other_are_refused_and_repeated_ones_are_not(tmp_path):
    same = write(tmp_path / "l.csv", "id,target,level\na,1,\na,1,\na,0,message\n")
    assert len(read_labels(same)) == 3
    for text, said in (
        ("id,target\na,1\na,0\n", "l.csv:3: transcript 'a' is labelled otherwise"),
        ("id,target,group\na,1,x\na,1,y\n", "l.csv:3: transcript 'a' is labelled otherwise"),
        ("id,target,unit,group\na,1,u,x\nb,1,u,y\n", "l.csv:3: the unit 'u' lies in two groups"),
    ):
        with pytest.raises(UsageError, match=said):
            read_labels(write(tmp_path / "l.csv", text))


def test_ids_may_hold_anything_that_csv_can_quote(tmp_path):
    path = tmp_path / "l.csv"
    path.write_bytes(b'\xef\xbb\xbfid,target\r\n"a,\x1b[31m\r\n""b""\x00",1\r\n')
    (row,) = read_labels(path)
    assert (row.id, row.target) == ('a,\x1b[31m\r\n"b"\x00', True)


@pytest.mark.parametrize(
    "content",
    [b"id,target\n\xff,1\n", "id,target\na,1\n".encode("utf-16"), b'id,target\n"' + b"a" * 200_000],
    ids=["latin-1", "utf-16", "endless"],
)
def test_what_is_no_csv_is_refused_by_name(tmp_path, content):
    path = tmp_path / "l.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"l\.csv: no CSV that can be read"):
        read_labels(path)
