"""The hostile corpus, for the tests that need it (tests are no package, so it is loaded here)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
