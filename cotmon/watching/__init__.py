"""Watching living agents: what every host shares.

A host hands over what its agent hears and says; a `Conversation` scores it as it comes and gives a
decision for every tool call before it runs. What a decision does to the agent is the host's part.
"""

from cotmon.watching.again import Outputs
from cotmon.watching.conversation import Conversation
from cotmon.watching.decision import LEVELS, Decision, Level, Said, ToolCall
from cotmon.watching.glimpse import Glimpse
from cotmon.watching.settings import (
    Failure,
    Mode,
    Settings,
    ToolPolicy,
    Watching,
    read_settings,
)
from cotmon.watching.watcher import Watcher

__all__ = [
    "LEVELS",
    "Conversation",
    "Decision",
    "Failure",
    "Glimpse",
    "Level",
    "Mode",
    "Outputs",
    "Said",
    "Settings",
    "ToolCall",
    "ToolPolicy",
    "Watcher",
    "Watching",
    "read_settings",
]
