"""Where references are kept, and files that were edited, copied or broken."""

import msgspec
import pytest

from cotmon.calibration import (
    Curve,
    MonitorReference,
    SetReference,
    Stratum,
    binding,
    find_calibration,
    write_monitor_reference,
    write_set_reference,
)
from cotmon.calibration.check import JudgedRun, check_source
from cotmon.calibration.files import CueShare
from cotmon.calibration.fit import least_groups
from cotmon.content import MonitorFolder
from cotmon.errors import ContentError
from cotmon.records import MonitorCard

CARD = MonitorCard(
    name="scheming/a", hash="h", kind="test", cues=("scheming",), view="step", channels=("text",),
    summary="", misses="", threshold=0.5, basis="by hand",
)  # fmt: skip
REFERENCE = MonitorReference(
    monitor=CARD.name, hash="h", by_hand=0.5, source="here", data="d", groups=60, transcripts=60,
    steps=600, scored=600, distinct=2, highest=0.9,
    curve=Curve((0.0, 0.4, 0.900001), (1.0, 0.01, 0.0)), rate=0.05,
)  # fmt: skip
SHARE = CueShare(
    alpha=0.05, transcript_alpha=0.1, members={CARD.name: binding(CARD)},
    strata=(Stratum(30, (2.0,) * 30, (), 9), Stratum(30, (3.0,) * 30)),
)  # fmt: skip
WHOLE = SetReference(
    set="s", data="d", source="here", groups=60, transcripts=60, steps=600, rate=0.05,
    transcript_rate=0.1, cues={"scheming": SHARE},
)  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "cotmon.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def places(project):
    """A folder of the project's own, and the files written for it and its set."""
    folder = MonitorFolder(CARD.name, project / "monitors" / CARD.name, "project")
    own = project / "monitors" / "sets" / "s.toml"
    return folder, own, write_monitor_reference(folder, REFERENCE), write_set_reference(own, WHOLE)


def found(folder, own):
    return find_calibration([CARD], {CARD.name: folder}, ("s", own))


def test_references_come_back_as_they_were_written(places):
    folder, own, monitor, whole = places
    assert monitor == folder.path / "calibration.toml"
    assert whole == own.parent / "s.calibration.toml"
    known = found(folder, own)
    reference = known.calibration.cues["scheming"]
    assert not known.void and not known.calibration.apart
    assert reference.curves == {CARD.name: REFERENCE.curve}
    assert reference.strata == SHARE.strata


@pytest.mark.parametrize("place", [".venv/lib/site-packages/cotmon/_content", "elsewhere"])
def test_a_package_installed_inside_the_project_is_never_written_to(project, place):
    folder = MonitorFolder(CARD.name, project / place / "monitors" / CARD.name, "shipped")
    written = write_monitor_reference(folder, REFERENCE)
    assert written == project / "calibration" / f"{CARD.name}.toml"
    shipped = project / place / "monitors" / "sets" / "s.toml"
    assert write_set_reference(shipped, WHOLE) == (
        project / "calibration" / "sets" / "s.calibration.toml"
    )
    assert not (project / place).exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alpha = 0.05", "alpha = nan", r"\$.cues.*alpha"),
        ("alpha = 0.05", "alpha = 0.0", r"\$.cues.*alpha"),
        ("alpha = 0.05", "alpha = 7.0", r"\$.cues.*alpha"),
        ("transcript_rate = 0.1", 'transcript_rate = "5%"', r"\$.transcript_rate"),
        ("groups = 60", "groups = -1", r"\$.groups"),
        ("cues.scheming", "cues.envy", "envy"),
        ("up_to = 9", "", r"up_to - at .*\$.cues"),
        ("    2.0,\n", "    9.0,\n    nan,\n", "statistics must ascend"),
        ("    2.0,\n", "", "statistics must ascend"),
        ('data = "d"', "data = [", "not TOML"),
        ('data = "d"', 'data = "d"\nfriend = 1', "friend"),
    ],
)
def test_a_set_file_that_makes_no_sense_is_named_with_its_key(places, old, new, said):
    folder, own, _, whole = places
    text = whole.read_text("utf-8")
    assert old in text
    whole.write_text(text.replace(old, new, 30 if new == "" else 1), "utf-8")
    with pytest.raises(ContentError, match=f"s.calibration.toml: .*{said}"):
        found(folder, own)


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ("suspicion = []\nshare = []", "not empty"),
        ("suspicion = [0.0, 0.5]\nshare = [1.0]", "one length"),
        ("suspicion = [0.5]\nshare = [1.0]", "start at 0"),
        ("suspicion = [0.0, 0.5, 0.4]\nshare = [1.0, 0.5, 0.0]", "ascend"),
        ("suspicion = [0.0, 0.5]\nshare = [0.1, 0.5]", "fall"),
        ("suspicion = [0.0]\nshare = [nan]", "fall"),
        ("suspicion = [0.0]\nshare = [inf]", "within 0 and 1"),
    ],
)
def test_a_curve_that_is_none_is_refused(places, curve, said):
    folder, own, monitor, _ = places
    head = monitor.read_text("utf-8").partition("[curve]")[0]
    monitor.write_text(f"{head}[curve]\n{curve}\n", "utf-8")
    with pytest.raises(ContentError, match=rf"calibration.toml: .*{said}.*\$.curve"):
        found(folder, own)


def test_a_monitor_that_was_changed_and_calibrated_by_itself_leaves_the_sets_transcripts_void(
    places,
):
    """They were counted with its old scores; only calibrating the set counts them anew."""
    folder, own, _, _ = places
    changed = msgspec.structs.replace(CARD, hash="another")
    write_monitor_reference(folder, msgspec.structs.replace(REFERENCE, hash="another"))
    known = find_calibration([changed], {CARD.name: folder}, ("s", own))
    assert not known.calibration.cues
    assert "calibrated with scheming/a, now changed" in known.void["transcripts of scheming"]


def test_what_was_made_for_another_set_or_leaves_no_room_is_void_and_says_why(places):
    folder, own, _, whole = places
    text = whole.read_text("utf-8")
    whole.write_text(text.replace('set = "s"', 'set = "other"'), "utf-8")
    other = found(folder, own)
    assert "made for the set 'other'" in other.void["s"]
    whole.write_text(text.replace("alpha = 0.05", "alpha = 1e-9"), "utf-8")
    narrow = found(folder, own)
    assert not narrow.calibration.cues, "a threshold that nothing reaches would be no threshold"
    assert "60 honest groups" in narrow.void[CARD.name]
    assert "60 honest groups" in narrow.calibration.apart[CARD.name]


def test_a_reference_of_other_data_or_of_another_threshold_by_hand_does_not_hold(places):
    folder, own, _, _ = places
    write_monitor_reference(folder, msgspec.structs.replace(REFERENCE, data="else"))
    assert "other honest runs" in found(folder, own).void[CARD.name]
    write_monitor_reference(folder, msgspec.structs.replace(REFERENCE, by_hand=0.6))
    assert "changed since" in found(folder, own).void[CARD.name]


def test_one_group_proves_nothing_and_many_alike_do():
    one = check_source("x", [JudgedRun("g", 4, 1, True)], 0.01, 0.05)
    assert one.steps_kept == "above, within chance"
    assert one.step_interval[0] < 0.01
    many = [JudgedRun(f"g{k}", 4, 5, True) for k in range(30)]  # also an observation was marked
    sure = check_source("x", many, 0.01, 0.05)
    assert (sure.step_rate, sure.steps_kept, sure.transcripts_kept) == (1.0, "broken", "broken")


def test_no_rate_is_too_small_to_be_answered():
    assert least_groups(5e-324) > 10**12
