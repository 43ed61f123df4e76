"""The canary of Inspect, through the installed Inspect."""

from cotmon.hosts._canary import fire


def test_the_host_holds_its_canary():
    found = fire("inspect")
    assert len(found) == 4
    assert all(finding.holds for finding in found), found
