"""`cotmon export`: the scores of a run as Parquet, CSV, JSON lines or in Inspect logs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from cotmon.cli._console import stderr
from cotmon.cli._inspect_export import export_inspect
from cotmon.cli._stored import opened, results
from cotmon.records import Result
from cotmon.report.lines import CSV_HEADER, csv_rows, json_line

_NUMBERS = {"value", "threshold", "tail", "suspicion"}


class Shape(StrEnum):
    """File formats of an export."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"
    inspect = "inspect"


_ENDINGS = {
    "parquet": Shape.parquet, "csv": Shape.csv, "jsonl": Shape.jsonl, "eval": Shape.inspect,
}  # fmt: skip


def command(
    run: Annotated[str, typer.Argument(help="Run id, the start of one, or `latest`.")] = "latest",
    shape: Annotated[
        Shape | None, typer.Option("--format", help="Default: the ending of --to, else parquet.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="File; default: cotmon-RUN.FORMAT, for inspect NAME.cotmon.eval. For several "
            "Inspect logs a folder."
        ),
    ] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Writes the scores of a run: a row a score, or for jsonl a line a transcript.

    With --format inspect: a copy of each Inspect log that the run read, with the scores added.
    """
    store = opened(db)
    with store.reading() as connection:
        row = store.runs.find(connection, run)
        inputs = store.runs.inputs(connection, row.id)
    ending = to.suffix.lstrip(".").lower() if to is not None else ""
    shape = shape or _ENDINGS.get(ending, Shape.parquet)
    if shape is Shape.inspect:
        if not export_inspect(results(store, row), inputs, to):
            raise typer.Exit(2)
        return
    target = to or Path(f"cotmon-{row.id}.{shape}")
    write = {Shape.parquet: _parquet, Shape.csv: _csv, Shape.jsonl: _jsonl}[shape]
    write(results(store, row), target)
    stderr().print(f"wrote {target}", markup=False, soft_wrap=True)


def _csv(found: Iterable[Result], target: Path) -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(CSV_HEADER)
        for result in found:
            rows.writerows(csv_rows(result))


def _jsonl(found: Iterable[Result], target: Path) -> None:
    with target.open("w", encoding="utf-8") as file:
        for result in found:
            file.write(json_line(result) + "\n")


def _parquet(found: Iterable[Result], target: Path) -> None:
    schema = pa.schema([(name, _type(name)) for name in CSV_HEADER])
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for result in found:
            columns = list(zip(*csv_rows(result), strict=True)) or [()] * len(CSV_HEADER)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _type(name: str) -> pa.DataType:
    if name in _NUMBERS:
        return pa.float64()
    if name == "position":
        return pa.int64()
    return pa.bool_() if name == "marked" else pa.string()
