"""Builds what monitors see of a transcript, step by step, never anything later (contract 2)."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cotmon.engine.history import WordIndex
from cotmon.records import Channel, Part, Step, View, ViewSize

WIDE: frozenset[str] = frozenset({"turn", "transcript"})
"""Views whose text is a whole turn."""
USER_CAP = 1500
"""Characters of the first and of the latest user message in `step+context`."""
EARLIER_CAP = 400
"""Characters of each earlier step in `step+context`."""
EARLIER = 3
"""Earlier steps of the same sub-agent in `step+context`."""
REASON_CAP = 1200
"""Characters of the stated reason for an action."""
DIGEST_CAP = 2000
"""Characters of the digest of a `transcript` view."""
DIGEST_LINES = 12


def _hash(*parts: str) -> bytes:
    """16 bytes over the parts and where they end."""
    lengths = ",".join([str(len(part)) for part in parts])
    data = f"{lengths}:{''.join(parts)}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()


def _chained(earlier: bytes, own: bytes) -> bytes:
    return hashlib.blake2b(earlier + own, digest_size=16).digest()


@dataclass(slots=True)
class _Thread:
    """What was said so far by one sub-agent on one branch.

    Attributes:
        earlier: its last steps.
        turn, reason: the turn it is in, and what was said in it so far.
        waits: whether it has been told something that it has not answered.
    """

    earlier: deque[Part] = field(default_factory=lambda: deque(maxlen=EARLIER))
    turn: str | None = None
    reason: list[str] = field(default_factory=list)
    waits: bool = False

    def copy(self) -> _Thread:
        """As it is now; what is said later does not show."""
        return _Thread(self.earlier.copy(), self.turn, self.reason.copy(), self.waits)


@dataclass(slots=True)
class Turn:
    """One generation with its actions, once it has closed.

    Attributes:
        steps: all of it but briefs.
        context: parts of `transcript` views: the first user message, the digest.
    """

    turn: str
    steps: list[Step] = field(default_factory=list)
    context: tuple[Part, ...] = ()

    def view(self, size: ViewSize, channels: frozenset[Channel]) -> tuple[Step, View] | None:
        """The steps of these channels as one view, and the last of them; None if there are none."""
        steps = [step for step in self.steps if step.channel in channels]
        if not steps:
            return None
        return steps[-1], _joined(steps, self.context if size == "transcript" else ())


class Views:
    """The views of one transcript, as its steps arrive.

    Attributes:
        sizes: which views will be asked for; nothing else is kept.
    """

    def __init__(self, sizes: frozenset[ViewSize]) -> None:
        self._sizes = sizes
        self._index = WordIndex()
        self._chain = b""
        self._first_user: Part | None = None
        self._latest_user: Part | None = None
        self._main: str | None = None
        self._threads: dict[tuple[str | None, str | None], _Thread] = {}
        self._before: tuple[tuple[str | None, str | None], _Thread] | None = None
        self._open: Turn | None = None
        self._digest: deque[str] = deque(maxlen=DIGEST_LINES)

    def push(
        self, step: Step, wanted: frozenset[ViewSize] | None = None
    ) -> tuple[dict[ViewSize, View], Turn | None]:
        """Views that end at this step, and the turn that it closes.

        Args:
            step: the next one.
            wanted: sizes that some monitor asks for at this step; None takes all.
        """
        wanted = self._sizes if wanted is None else wanted
        if step.index == 0:
            self._main = step.parent  # of an agent that another transcript started; else None
        closed = self.close() if self._open is not None and self._open.turn != step.turn else None
        views: dict[ViewSize, View] = {}
        own = _hash(step.channel, step.module, step.tool or "", step.text)
        if "step" in wanted:
            views["step"] = _view(step, own)
        if "step+context" in wanted:
            parts = self._context(step)
            identity = _hash(own.hex(), *_described(parts))
            views["step+context"] = _view(step, identity, parts)
        if "history" in self._sizes:
            self._chain = _chained(self._chain, own)
            if "history" in wanted:
                views["history"] = View(
                    step.text, step.channel, step.module, step.tool, self._chain,
                    history=self._index, position=step.index,
                )  # fmt: skip
            self._index.add(step)
        self._remember(step)
        return views, closed

    def close(self) -> Turn | None:
        """The turn that is open, which ends here; None if none is."""
        turn, self._open = self._open, None
        if turn is not None and "transcript" in self._sizes:
            digest = "\n".join(self._digest)[-DIGEST_CAP:]
            first = () if self._first_user is None else (self._first_user,)
            turn.context = (*first, Part("digest", digest)) if digest else first
            self._digest.extend(_digest_line(s) for s in turn.steps if s.channel == "action")
        return turn

    def abandon(self) -> None:
        """Puts the line back to where it was before its latest turn."""
        if self._before is not None:
            key, thread = self._before
            self._threads[key] = thread

    def _thread(self, step: Step) -> _Thread | None:
        """What stands before a step.

        Another output in place of the one that the main line waits for was told the same.
        """
        found = self._threads.get((step.parent, step.branch))
        if found is None and step.branch is not None:
            trunk = self._threads.get((step.parent, None))
            if trunk is not None and trunk.waits:
                found = self._threads[step.parent, step.branch] = trunk.copy()
        return found

    def pack(self) -> None:
        """Packs what is old, for a transcript that grows and is kept nowhere else."""
        self._index.pack()

    def _context(self, step: Step) -> tuple[Part, ...]:
        thread = self._thread(step)
        parts = [self._first_user] if self._first_user is not None else []
        if self._latest_user is not None and self._latest_user is not self._first_user:
            parts.append(self._latest_user)
        if thread is not None:
            parts.extend(thread.earlier)
            if step.channel == "action" and thread.turn == step.turn and thread.reason:
                parts.append(Part("stated reason", "".join(thread.reason)[-REASON_CAP:]))
        return tuple(parts)

    def _remember(self, step: Step) -> None:
        if self._sizes & {"turn", "transcript"} and step.channel != "brief":
            if self._open is None:
                self._open = Turn(step.turn)
            self._open.steps.append(step)
        if not self._sizes & {"step+context", "transcript"}:
            return
        if step.channel == "brief" and step.module != "system" and step.parent == self._main:
            label = "first user message" if self._first_user is None else "latest user message"
            part = Part(label, step.text[:USER_CAP], step.channel, step.module)
            self._first_user = self._first_user or part
            self._latest_user = part
            if (told := self._thread(step)) is not None:
                told.waits = True
            return
        key = (step.parent, step.branch)
        thread = self._thread(step) or self._threads.setdefault(key, _Thread())
        if thread.turn != step.turn:
            self._before = key, thread.copy()
            thread.turn, thread.reason = step.turn, []
        thread.waits = step.channel in ("brief", "observation")
        if step.channel in ("reasoning", "text"):
            thread.reason.append(step.text)
        text = step.text[:EARLIER_CAP]
        thread.earlier.append(Part("earlier step", text, step.channel, step.module, step.tool))


def _view(step: Step, identity: bytes, parts: tuple[Part, ...] = ()) -> View:
    return View(step.text, step.channel, step.module, step.tool, identity, parts)


def _digest_line(step: Step) -> str:
    return f"[{step.address}] {step.tool or step.module}: {step.text[:140]}"


def turn_offsets(steps: Sequence[Step]) -> tuple[str, list[int]]:
    """The steps of a turn as one text, a new line where a message begins; where each starts."""
    pieces: list[str] = []
    offsets: list[int] = []
    length = 0
    for step in steps:
        if pieces and step.start == 0 and not pieces[-1].endswith("\n"):
            pieces.append("\n")
            length += 1
        offsets.append(length)
        pieces.append(step.text)
        length += len(step.text)
    return "".join(pieces), offsets


def _joined(steps: list[Step], context: tuple[Part, ...] = ()) -> View:
    """A turn as one text, each step a part that says where it starts."""
    text, offsets = turn_offsets(steps)
    parts = list(context)
    for step, start in zip(steps, offsets, strict=True):
        parts.append(Part("step", step.text, step.channel, step.module, step.tool, start))
    last = steps[-1]
    identity = _hash("turn", text, *_described(parts))
    return View(text, last.channel, last.module, last.tool, identity, tuple(parts))


def _described(parts: Sequence[Part]) -> Iterator[str]:
    """All that a kind can read of the parts."""
    for part in parts:
        yield from (part.label, part.channel, part.module, part.tool or "", part.text)
