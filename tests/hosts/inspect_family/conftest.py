"""The Inspect family runs in an environment of its own: `make hosts`.

Warnings are no errors there: Inspect warns of its own dependencies.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = [] if find_spec("inspect_ai") else ["*.py"]
