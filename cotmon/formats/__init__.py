"""Files to transcripts. One file a format, found by its name; `read()` is the door.

A format is a module here that defines `FORMAT` (shape: `_contract.Format`). The highest
`sniff` reads the file; names and endings decide nothing. Formats that are known by name but
not read yet are recognised in `_unread.py`. The README beside this file says per format
where reasoning, calls, observations and sub-agents live.
"""

from cotmon.formats._chat_stream import BRANCH, ChatStream, transcript_of_chat
from cotmon.formats._contract import FORMATS, Format
from cotmon.formats._file import LogFile
from cotmon.formats._inspect_copy import copy_with_scores
from cotmon.formats._inspect_scores import SCORE_PREFIX, SampleScores
from cotmon.formats._reading import Options, find_files, missing, read, read_file, recognise

__all__ = [
    "BRANCH",
    "FORMATS",
    "SCORE_PREFIX",
    "ChatStream",
    "Format",
    "LogFile",
    "Options",
    "SampleScores",
    "copy_with_scores",
    "find_files",
    "missing",
    "read",
    "read_file",
    "recognise",
    "transcript_of_chat",
]
