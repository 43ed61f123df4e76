"""What several tests need."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder of genuine logs and labelled sets, where one is present."""
    folder = Path(os.environ.get("COTMON_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("no shared folder of genuine logs; set COTMON_SHARED")
    return folder
