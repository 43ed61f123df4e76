"""The door, start-up, and the wheel in an environment of its own."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

import cotmon

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "transformers", "sentence_transformers", "onnxruntime", "sqlalchemy", "alembic",
         "numpy", "jinja2", "langgraph", "pyarrow", "httpx"}  # fmt: skip


def modules_after(code):
    code += "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(run.stdout.splitlines()[-1])}


def test_every_promised_name_is_there():
    for name in cotmon.__all__:
        assert getattr(cotmon, name) is not None


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['cotmon', '--help']\n"
        "from cotmon.cli.main import run\n"
        "try: run()\nexcept SystemExit: pass"
    )
    assert not modules_after(code) & HEAVY
    assert not modules_after("import cotmon; cotmon.Transcript") & HEAVY


def test_our_content_folders_pose_as_no_library():
    spec = find_spec("datasets")
    assert spec is None or str(ROOT) not in str(spec.submodule_search_locations)


def test_the_wheel_replays_from_an_empty_folder(tmp_path):
    """Dependencies come from this environment; cotmon itself only from the wheel."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = tmp_path.glob("*.whl")
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    log = {"messages": [{"role": "user", "content": "Add."},
                        {"role": "assistant", "content": "2 + 2 = 5, so 5."}]}  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PYTHONSAFEPATH": "1",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    environment.pop("COTMON_CONTENT", None)
    run = subprocess.run(
        [home / "bin" / "cotmon", "replay", "-", "--output", "json", "--db", "sqlite:///x.db"],
        input=json.dumps(log), capture_output=True, text=True, cwd=empty, env=environment,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    record = json.loads(run.stdout)
    assert any(step["marked"] for step in record["steps"])
    where = subprocess.run(
        [python, "-c", "import cotmon; print(cotmon.__file__)"],
        capture_output=True, text=True, env=environment, cwd=empty,
    )  # fmt: skip
    assert str(home) in where.stdout
