"""What a user waits for: help, and a first small log from a cold process."""

import json
import os

BARE = """
import typer
app = typer.Typer()
@app.command()
def one(name: str):
    "One."
@app.command()
def two(name: str):
    "Two."
app()
"""


def test_help_against_a_bare_program(bench, tmp_path):
    program = tmp_path / "bare.py"
    program.write_text(BARE)
    bare = bench.process(str(program), "--help", best_of=5)
    ours = bench.process("-m", "cotmon", "--help", best_of=5)
    assert bare.code == ours.code == 0
    bench.line("cotmon --help ÷ a bare typer program", ours.cpu / bare.cpu, "times", most=3)


def test_cold_start_to_a_finished_table(bench, replayed, tmp_path):
    log = replayed.write(bench.acting(1, turns=10), chat=True)
    replay = ("-m", "cotmon", "replay", str(log))
    quiet = {**os.environ, "PYTHONSAFEPATH": "1", "COLUMNS": "100"}
    for name, more in (("the default set", ()), ("a concept monitor", (CONCEPT,))):
        chosen = tuple(word for monitor in more for word in ("-m", monitor))

        def once(k, chosen=chosen, name=name):
            db = f"sqlite:///{tmp_path}/{name.split()[-1]}{k}.db"
            return bench.process(*replay, *chosen, "--db", db, best_of=1, env=quiet)

        once(0)  # the encoder's export is cached from here on
        ran = [once(k) for k in range(1, 4)]
        assert all(r.code == 0 for r in ran)
        cpu, wall = min(r.cpu for r in ran), min(r.wall for r in ran)
        bench.line(f"cold start to table, {name}, new database: CPU", cpu, "s", most=4)
        bench.line(f"cold start to table, {name}, new database: wall", wall, "s", most=4)


CONCEPT = "scheming/concealment"


def test_the_log_has_about_fifty_steps(bench, replayed):
    log = replayed.write(bench.acting(1, turns=10), chat=True)
    assert len(json.loads(log.read_text())["messages"]) == 21
    assert 45 <= replayed.run(log, []) <= 60
