"""Inspect logs, `.eval` and JSON, of all versions; ControlArena's logs are Inspect logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from cotmon.errors import FormatError
from cotmon.formats._builder import Builder
from cotmon.formats._decoding import decode
from cotmon.formats._file import LogFile
from cotmon.formats._inspect_archive import MAX_MEMBER, Archive
from cotmon.formats._inspect_lines import Lines
from cotmon.formats._inspect_sample import Pools, Reader, Sample, sample_of
from cotmon.records import Gap, Refusal, Source, Transcript

_HEADERS = ("header.json", "_journal/start.json")
_WHOLE = re.compile(r"samples/(?P<name>[^/].*)\.json\Z", re.DOTALL)
_SHELL = re.compile(r"samples/(?P<name>.+)/sample\.json\Z", re.DOTALL)
_CHUNK = re.compile(r"samples/(?P<name>.+)/(?P<part>messages|events|calls|attachments)/\d+\.json\Z")
_SIDE = re.compile(r"samples/.+/(?:metadata|skeleton|events/stats|events/uuids)\.json\Z", re.DOTALL)
_LOCAL = re.compile(
    rb"PK\x03\x04.{26}(?:_journal/start|header|samples/[^\x00]*_epoch_\d+)", re.DOTALL
)
_UNEXPECTED = (AttributeError, IndexError, KeyError, TypeError, ValueError)
_MARKS = ("version", "status", "plan", "samples")


class _Format:
    title = "an Inspect log"

    def sniff(self, file: LogFile) -> int:
        if file.kind == "zip":
            return _sniff_zip(file)
        if file.kind != "json" or not isinstance(file.first, dict):
            return 0
        header = file.first
        task = header.get("eval")
        known = isinstance(task, dict) and ("task" in task or "model" in task)
        return 3 if known and any(mark in header for mark in _MARKS) else 0

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        if file.kind == "zip":
            with Archive(file.open()) as archive:
                yield from _read_archive(file, archive)
            return
        document = file.document
        if not isinstance(document, dict):
            raise FormatError("not an Inspect log: the document is no object")
        log = _Log(file, document, finished=document.get("status") != "started")
        samples = document.get("samples")
        if not isinstance(samples, list) or not samples:
            yield log.refusal(log.no_samples)
            return
        for position, value in enumerate(samples):
            yield log.sample(
                msgspec.json.encode(value), position, f"sample {position + 1}", *file.notes
            )


def _sniff_zip(file: LogFile) -> int:
    try:
        with Archive(file.open()) as archive:
            names = archive.members
            if not any(name in names for name in _HEADERS):
                return 0
            if isinstance(_header(archive)[0].get("eval"), dict):
                return 3
            return 2 if any(_WHOLE.match(n) or _SHELL.match(n) for n in names) else 0
    except FormatError:
        return 2 if _LOCAL.match(file.head) else 0


def _header(archive: Archive) -> tuple[dict[str, Any], bool]:
    """The header, and whether the log was finished; empty where neither can be read."""
    for name in _HEADERS:
        try:
            value, _ = decode(archive.read(name))
        except FormatError:
            continue
        if isinstance(value, dict):
            return value, name == _HEADERS[0]
    return {}, False


def _read_archive(file: LogFile, archive: Archive) -> Iterator[Transcript | Refusal]:
    header, finished = _header(archive)
    log = _Log(file, header, finished)
    chunks: dict[str, dict[str, list[str]]] = {}
    for name in archive.members:
        if chunk := _CHUNK.match(name):
            chunks.setdefault(chunk["name"], {}).setdefault(chunk["part"], []).append(name)
    position = 0
    for name in archive.members:
        shell = _SHELL.match(name)
        if not shell and (not _WHOLE.match(name) or _CHUNK.match(name) or _SIDE.match(name)):
            continue
        try:
            data = archive.read(name)
            if shell:
                data = _joined(archive, data, chunks.get(shell["name"], {}), shell["name"])
        except FormatError as error:
            yield log.refusal(error.reason)
        else:
            notes = [_REPEATED] if name in archive.repeated else []
            yield log.sample(data, position, name, *notes)
        position += 1
    if position == 0:
        yield log.refusal(log.no_samples)


_REPEATED = Gap(
    kind="dropped", reason="the zip holds an earlier copy of this sample, which this one replaced"
)


def _joined(archive: Archive, shell: bytes, parts: dict[str, list[str]], name: str) -> bytes:
    """A sample that was written in chunks, as one document of the usual shape."""
    lists: dict[str, list[Raw]] = {}
    total = len(shell)
    for part in ("messages", "events", "attachments"):
        lists[part] = []
        for member in sorted(parts.get(part, []), key=lambda m: int(m.rsplit("/", 1)[1][:-5])):
            data = archive.read(member)
            total += len(data)
            if total > MAX_MEMBER:
                raise FormatError(f"the chunks of {name!r} hold over {MAX_MEMBER >> 20} MB")
            lists[part] += _items(data, member)
    sample, _ = decode(shell)
    if not isinstance(sample, dict):
        raise FormatError(f"the shell of {name!r} is no object")
    metadata = f"samples/{name}/metadata.json"
    if metadata in archive.members:
        sample["metadata"] = decode(archive.read(metadata))[0]
    sample["events"] = lists["events"]
    sample["events_data"] = Pools(messages=Raw(msgspec.json.encode(lists["messages"])))
    sample["attachments"] = {str(k): text for k, text in enumerate(lists["attachments"])}
    return msgspec.json.encode(sample)


def _items(data: bytes, member: str) -> list[Raw]:
    try:
        return msgspec.json.decode(data, type=list[Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise FormatError(f"chunk {member!r} cannot be read: {error}") from None


class _Log:
    """What all samples of one log share."""

    def __init__(self, file: LogFile, header: dict[str, Any], finished: bool) -> None:
        self._file, self._finished = file, finished
        self._task = _object(header.get("eval"))
        self._status = str(header.get("status") or ("unknown" if finished else "started"))
        self._results = header.get("results")
        marks = json.dumps([self._task, header.get("plan")], default=str)
        self._control = "control_arena" in marks or "micro_protocol" in marks

    @property
    def no_samples(self) -> str:
        """Why there is nothing to read."""
        if self._status in ("cancelled", "error"):
            return f"holds no samples: the run was {self._status} before any sample ran"
        return f"holds no samples (status: {self._status})"

    def refusal(self, reason: str) -> Refusal:
        """A refusal of this file."""
        return Refusal(file=self._file.name, reason=reason, format="inspect")

    def sample(self, data: bytes, position: int, name: str, *notes: Gap) -> Transcript | Refusal:
        """One transcript; notes are put into its coverage."""
        try:
            sample, more = sample_of(data)
            return self._transcript(sample, position, name, (*notes, *more))
        except FormatError as error:
            return self.refusal(f"{name!r}: {error.reason}")
        except RecursionError:
            return self.refusal(f"{name!r} is nested too deep to read")
        except _UNEXPECTED as error:
            # One broken sample must not hide the others of the file.
            return self.refusal(
                f"{name!r} is broken in a way the reader did not expect: "
                f"{type(error).__name__}: {error}"
            )

    def _transcript(
        self, sample: Sample, position: int, name: str, notes: tuple[Gap, ...]
    ) -> Transcript:
        keys = {
            "eval_id": self._task.get("eval_id") or self._task.get("run_id"),
            "task": self._task.get("task"),
            "sample": sample.id, "epoch": sample.epoch, "uuid": sample.uuid, "member": name,
            "status": self._status,
        }  # fmt: skip
        source = Source(
            file=self._file.name, format="inspect", position=position,
            keys={k: _scalar(v) for k, v in keys.items() if v is not None},
        )  # fmt: skip
        builder = Builder(str(sample.id) if sample.id is not None else name, source)
        builder.note(*notes)
        reader = Reader(sample, builder)
        lines = Lines(sample, reader, builder, self._control)
        lines.write()
        model = lines.model or self._task.get("model")
        builder.agent = str(model) if model else None
        builder.labels = self._labels(sample, reader)
        builder.metadata = self._metadata(sample, reader)
        if lines.protocol_texts:
            builder.metadata["protocol_texts"] = lines.protocol_texts
            count = len(lines.protocol_texts)
            reason = f"{count} system texts of the control protocol stand in the metadata"
            builder.gap("dropped", reason, count=count)
        self._cuts(sample, builder)
        return builder.finish()

    def _labels(self, sample: Sample, reader: Reader) -> dict[str, Any]:
        found = _object(sample.metadata)
        modes = (
            found.get("eval_mode"), _object(found.get("metadata")).get("mode"),
            _object(self._task.get("metadata")).get("mode"),
            _object(self._task.get("task_args")).get("mode"),
        )  # fmt: skip
        labels = {
            "target": sample.target, "scores": sample.scores, "score": sample.score,
            "results": self._results,
            "mode": next((m for m in modes if m is not None), None) if self._control else None,
        }  # fmt: skip
        return {k: reader.resolved(v) for k, v in labels.items() if v not in (None, {}, "", [])}

    def _metadata(self, sample: Sample, reader: Reader) -> dict[str, Any]:
        task = self._task
        retries = [
            _object(reader.value(r, "error_retries")) for r in reader.list(sample.error_retries)
        ]
        metadata = {
            "task": task.get("task"), "model": task.get("model"), "created": task.get("created"),
            "packages": task.get("packages"), "eval": task.get("metadata"),
            "control_arena": self._control or None, "sample": sample.metadata,
            "choices": sample.choices, "error": sample.error,
            "retried": [r.get("message") for r in retries], "limit": sample.limit,
            "model_usage": sample.model_usage, "started_at": sample.started_at,
            "total_time": sample.total_time,
        }  # fmt: skip
        return {k: reader.resolved(v) for k, v in metadata.items() if v not in (None, {}, "", [])}

    def _cuts(self, sample: Sample, builder: Builder) -> None:
        if sample.error is not None:
            message = str(_object(sample.error).get("message") or sample.error)
            builder.gap("cut", f"the run ended in an error: {message[:200]}", where="error")
        if not self._finished:
            builder.gap("cut", "the log was not finished: it has no final header", where="header")


def sample_transcript(sample: bytes, header: dict[str, Any]) -> Transcript | Refusal:
    """One sample that stands in no file yet, read as a finished log with this header holds it.

    Args:
        sample: its JSON.
        header: of the log, as far as it is known (`eval`, `plan`, `status`).
    """
    return _Log(LogFile(None), header, finished=True).sample(sample, 0, "sample")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _scalar(value: Any) -> str | int | float | bool:
    return value if isinstance(value, str | int | float | bool) else str(value)


FORMAT = _Format()
