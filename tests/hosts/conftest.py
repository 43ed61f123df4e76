"""Tests of every host find the servers and the tools that they share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
