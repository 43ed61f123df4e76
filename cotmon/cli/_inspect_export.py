"""Copies of the Inspect logs of a run, with cotmon's scores added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cotmon.cli._console import stderr
from cotmon.errors import FormatError, UsageError
from cotmon.formats import SampleScores, copy_with_scores
from cotmon.records import Result
from cotmon.report.inspect_log import sample_scores, totals
from cotmon.text.display import escaped


def export_inspect(found: Iterable[Result], inputs: Mapping[str, str], to: Path | None) -> bool:
    """Writes a copy of each Inspect log; says of every file what became of it.

    Args:
        found: the results of a run.
        inputs: file → SHA-256 when the run read it.
        to: a file for one log, a folder for several; None is the current folder.

    Returns:
        Whether there was an Inspect log, and each was written.

    Raises:
        UsageError: several logs, and `to` is a file; or `to` is one of the logs.
    """
    logs: dict[str, list[SampleScores]] = defaultdict(list)
    others: dict[str, str] = {}
    for result in found:
        source = result.transcript.source
        if source.format == "inspect" and source.file in inputs:
            logs[source.file].append(sample_scores(result))
        else:
            others[source.file] = source.format
    for file, name in others.items():
        if name == "inspect":
            _say(f"cotmon: {file}: only files can be copied; replay it from a file")
        else:
            _say(f"cotmon: {file}: no Inspect log ({name}); left out")
    written = [
        _write(Path(file), target, inputs[file], logs[file])
        for file, target in _targets(list(logs), to)
    ]
    return bool(written) and all(written)


def _write(source: Path, target: Path, sha256: str, samples: list[SampleScores]) -> bool:
    try:
        copy_with_scores(source, target, sha256, samples, totals(samples))
    except FormatError as error:
        _say(f"cotmon: {source}: {error.reason}")
    except OSError as error:
        _say(f"cotmon: {error.filename or target}: {error.strerror or error}")
    else:
        _say(f"wrote {target}")
        return True
    return False


def _targets(files: list[str], to: Path | None) -> Iterator[tuple[str, Path]]:
    """A place for each copy, none of them a log's own; logs of one name are numbered."""
    folder = to or Path()
    single = len(files) == 1 and to is not None and not to.is_dir()
    if not single:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; for {len(files)} logs --to must name a folder")
        folder.mkdir(parents=True, exist_ok=True)
    own = {Path(file).resolve() for file in files}
    taken: set[str] = set()
    for file in files:
        target = folder if single else folder / _name(Path(file), taken)
        if target.resolve() in own:
            raise UsageError(f"{target} is a log of the run; choose another name with --to")
        yield file, target


def _name(file: Path, taken: set[str]) -> str:
    ending = file.suffix if file.suffix in (".eval", ".json") else ".eval"
    stem = file.name.removesuffix(ending)
    name, number = f"{stem}.cotmon{ending}", 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}.{number}.cotmon{ending}"
    taken.add(name.casefold())
    return name


def _say(line: str) -> None:
    stderr().print(escaped(line), markup=False, soft_wrap=True)
