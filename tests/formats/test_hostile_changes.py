"""Genuine-like logs, changed at random: read or refused, never a crash, never a reader's bug."""

import copy
import json

import hypothesis.strategies as st
import pytest
from hostile_samples import SAMPLES, as_bytes
from hypothesis import HealthCheck, given, settings

import cotmon
from cotmon.formats import Options
from cotmon.records import Refusal
from cotmon.segmentation import steps_of

ODD = [
    None, True, 0, -1, 1.5, 2**70, 10**400, "", " ", "x", "\0\x1b]52;c;eA==\x07", "\ud800",
    [], [[]], [None], ["text"], [1, "a", {}], {}, {"": ""}, {"type": None}, {"role": 7},
    {"type": ["text"]}, [{"type": "text", "text": {}}], {"a": {"b": [1]}}, "{", '{"a":', "[[[",
    float("nan"), float("inf"),
]  # fmt: skip
KEYS = ["x", "", "id", "type", "role", "content"]


def places(value, path=()):
    """Paths of everything inside."""
    if not isinstance(value, dict | list):
        return
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield (*path, key)
        yield from places(item, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


@st.composite
def changed(draw, sample):
    """The sample with one to four things dropped, renamed, moved, repeated or of another type."""
    value = copy.deepcopy(sample)
    for _ in range(draw(st.integers(1, 4))):
        paths = list(places(value))
        if not paths:
            break
        *above, key = draw(st.sampled_from(paths))
        parent = at(value, above)
        match draw(st.integers(0, 5)):
            case 0:
                del parent[key]
            case 1:
                parent[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case 2:
                parent[key] = copy.deepcopy(at(value, draw(st.sampled_from(paths))))
            case 3 if isinstance(parent, dict):
                parent[draw(st.sampled_from(KEYS))] = parent.pop(key)
            case 4 if isinstance(parent, list):
                parent.insert(key, copy.deepcopy(parent[key]))
            case _:
                parent[key] = [parent[key]]
    return value


def check(path, data, options=None):
    path.write_bytes(data)
    for item in cotmon.read(path, options or Options()):
        if isinstance(item, Refusal):
            assert "did not expect" not in item.reason
            item.reason.encode()
            continue
        assert len({message.id for message in item.messages}) == len(item.messages)
        for step in steps_of(item):
            f"{step.id}{step.text}{step.module}{step.tool}{step.answers}{step.parent}".encode()
        json.dumps([item.id, item.labels, item.metadata]).encode()


SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", SAMPLES)
def test_changed_values(tmp_path, name):
    @SETTINGS
    @given(changed(SAMPLES[name]), st.sampled_from([None, None, name]))
    def run(value, asked):
        check(tmp_path / "x.json", as_bytes(value), Options(format=asked))

    run()


@pytest.mark.parametrize("name", SAMPLES)
def test_changed_bytes(tmp_path, name):
    whole = as_bytes(SAMPLES[name])
    place = st.integers(0, len(whole))

    @SETTINGS
    @given(place, place, st.binary(max_size=3) | st.just(b"\n") | st.just(b"\0"))
    def run(start, end, put):
        check(tmp_path / "x.json", whole[:start] + put + whole[end:])

    run()
