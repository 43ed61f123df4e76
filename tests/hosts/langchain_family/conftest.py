"""What tests of LangChain's agents share: a middleware that is closed, and two tools."""

import sys
from pathlib import Path

import pytest

from cotmon.hosts import langchain as host

sys.path.insert(0, str(Path(__file__).parent))
from two_tools import Tools


@pytest.fixture
def watching(project):
    """Gives a middleware with these settings, and closes it."""
    made = []

    def make(watch="", mode="enforce"):
        made.append(host.middleware(project(watch, mode)))
        return made[-1]

    yield make
    for one in made:
        one.watcher.close()


@pytest.fixture
def tools():
    return Tools()
