# make demo · make test: the two commands. Everything else is for those who change cotmon.
export PYTHONSAFEPATH = 1
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test lint check bench hosts setup clean

demo: setup
	$(BIN)/cotmon replay examples/release-notes.jsonl --db sqlite:///demo/cotmon.db --report demo/report.html

test: setup
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --format=total --fail-under=85

check: lint test

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/cotmon check

bench: setup
	$(BIN)/python -m pytest -q -s tests/benchmarks

# Hosts whose pins keep to themselves, each in an environment of its own.
hosts: setup
	test -d .venv-inspect || $(PYTHON) -m venv .venv-inspect
	.venv-inspect/bin/python -m pip install --quiet -e ".[inspect]" pytest pytest-randomly -c constraints.txt
	.venv-inspect/bin/python -m pytest -q -o filterwarnings=ignore tests/hosts/inspect_family \
	  tests/report/test_inspect_log.py::test_inspect_itself_reads_the_copy
	tests/hosts/other_versions/openai_2.sh

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]" -c constraints.txt
	touch .venv/ready

clean:
	rm -rf .venv .venv-inspect demo
