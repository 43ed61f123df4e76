#!/bin/sh
# The tests of the OpenAI host under SDK 2, which speaks httpx where SDK 3 speaks httpx2.
# usage: openai_2.sh [FOLDER]: where SDK 2 is installed; beside the environment, not into it.
set -eu
cd "$(dirname "$0")/../../.."
place=${1:-.venv/openai-2}
test -d "$place/openai" || .venv/bin/python -m pip install --quiet --target "$place" "openai>=2.8,<3"
export PYTHONPATH="$place" PYTHONSAFEPATH=1
.venv/bin/python -c 'import openai; print("openai", openai.__version__); assert openai.__version__ < "3"'
exec .venv/bin/python -m pytest -q tests/hosts/test_openai.py tests/hosts/test_openai_endpoints.py
