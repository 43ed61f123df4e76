"""Messages to steps with stable ids and addresses (contract 1)."""

from __future__ import annotations

from collections.abc import Iterable

from cotmon.records import UNREADABLE, Message, Step, Transcript, step_of
from cotmon.segmentation.sentences import MAXIMUM, Slice, slices

RULES = "1"
"""Version of the rules: changes whenever the same messages would be cut otherwise."""
CUT_CHANNELS = frozenset({"reasoning", "text"})
"""Channels that are cut into sentences; elsewhere a message is one step."""
SHORT = 60
"""A message up to this many characters is one step."""


class Stepper:
    """Numbers the steps of one transcript as its messages arrive."""

    def __init__(self, maximum: int = MAXIMUM) -> None:
        self._maximum = maximum
        self._count = 0
        self._turn_count = 0
        self._turns: dict[str, int] = {}
        self._in_turn: dict[str, int] = {}

    def steps(self, message: Message) -> list[Step]:
        """The steps of one whole message; none if it is empty, but an action is always one."""
        if message.turn not in self._turns:
            self._turn_count += 1
            self._turns[message.turn] = self._turn_count
        return [self._step(message, k, piece) for k, piece in enumerate(self._slices(message))]

    def end_turns(self) -> None:
        """The turns so far are over; none of them may go on."""
        self._turns.clear()
        self._in_turn.clear()

    def _slices(self, message: Message) -> list[Slice]:
        text = message.text
        if message.provenance in UNREADABLE:
            return []  # ciphertext is no text, whoever filed it as such
        if not text:
            return [(0, 0)] if message.channel == "action" else []
        if message.channel not in CUT_CHANNELS or len(text) <= SHORT:
            return [(0, len(text))]
        return slices(text, self._maximum)

    def _step(self, message: Message, k: int, piece: Slice) -> Step:
        turn = self._turns[message.turn]
        in_turn = self._in_turn.get(message.turn, 0) + 1
        self._in_turn[message.turn] = in_turn
        step = step_of(
            message,
            id=f"{message.id}#{k}",
            address=f"M{turn}.{in_turn}",
            index=self._count,
            start=piece[0],
            end=piece[1],
        )
        self._count += 1
        return step


def steps_of(transcript: Transcript | Iterable[Message], maximum: int = MAXIMUM) -> list[Step]:
    """All steps of a transcript, in order."""
    messages = transcript.messages if isinstance(transcript, Transcript) else transcript
    stepper = Stepper(maximum)
    return [step for message in messages for step in stepper.steps(message)]
