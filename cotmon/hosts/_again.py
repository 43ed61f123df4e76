"""A turn that a protocol has said again: its outputs as they come, and the one that goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from cotmon.errors import ModelError
from cotmon.hosts._wire import Judge, Wire, object_of
from cotmon.models.chat import Endpoint, endpoint_of
from cotmon.watching import Outputs, Said, Settings
from cotmon.watching.decision import Act, Again

TRUSTED = "~trusted"
"""Ends the name of what a trusted model says."""


class Chosen(NamedTuple):
    """What goes on.

    Attributes:
        raw: the answer, as its server sent it; empty before there is one.
        mark: ends the name of its generation, so that it is none of the others.
        again: see `Said`.
    """

    raw: bytes = b""
    mark: str = ""
    again: Again = "no"


def marked(said: Said, name: str, chosen: Chosen, trusted: Endpoint | None) -> Said:
    """A generation under the name, and as the one, that it goes on as.

    Args:
        said: without a name.
        name: that it would have alone.
        chosen: what goes on.
        trusted: who says what a trusted model says.
    """
    chat = said.chat
    if chosen.mark == TRUSTED and trusted is not None:
        chat = chat | {"name": trusted.name}
    again = chosen.again
    return msgspec.structs.replace(said, message=name + chosen.mark, chat=chat, again=again)


def chosen_before(said: Said) -> Chosen:
    """What went on when it was judged before, by its name."""
    _, mark, _ = (said.message or "").partition("~")
    return Chosen(mark=f"~{mark}" if mark else "", again="done" if mark else "no")


class Turn:
    """The answers to one request, in order, each as its server sent it.

    Attributes:
        outputs: what the protocol makes of them.
    """

    def __init__(self, wire: Wire, asked: dict[str, Any], first: bytes, *, streams: bool) -> None:
        self.outputs = Outputs()
        self._wire, self._asked, self._streams = wire, asked, streams
        self._raw = [first]
        self._end: Chosen | None = None

    def judged(self, name: Callable[[Said], str]) -> Said | None:
        """The newest answer as a generation to judge; None where nothing is to be judged.

        Args:
            name: gives a generation the name it has where it is the only one.
        """
        if self._end is not None:
            return None
        k, saids = len(self._raw) - 1, self._saids(self._raw[-1])
        if k == 0 and (len(saids) != 1 or not saids[0].calls):
            self._end = Chosen(self._raw[0])
            return None
        return msgspec.structs.replace(saids[0], message=name(saids[0]) + (f"~{k}" if k else ""))

    def add(self, act: Act, raw: bytes) -> None:
        """Takes what was said in place of the newest answer; what a trusted model says goes on.

        Raises:
            ModelError: that is no answer of a model.
        """
        if len(self._saids(raw)) != 1:
            raise ModelError("what was said again is no answer of a model")
        if act == "defer":
            self._end = Chosen(raw, TRUSTED, "done")
        else:
            self._raw.append(raw)

    def give_up(self) -> None:
        """Nothing else could be said: the first answer goes on, as one that could not."""
        self._end = Chosen(self._raw[0], "~first", "no")

    def chosen(self) -> Chosen:
        """What goes on, once nothing more is wanted."""
        if self._end is not None:
            return self._end
        k, last = self.outputs.chosen, len(self._raw) - 1
        if last == 0:
            return Chosen(self._raw[0])
        return Chosen(self._raw[k], f"~{k}" if k == last else "~chosen", "done")

    def _saids(self, raw: bytes) -> list[Said]:
        if not self._streams:
            return self._wire.generations(object_of(raw) or {})
        reader = self._wire.reader(self._asked, "")
        events = [*reader.feed(raw), *reader.end()]
        return [event.said for event in events if isinstance(event, Judge)]


def protocol_act(settings: Settings) -> Act | None:
    """How turns are said again; None: not at all."""
    if settings.protocol == "trusted-monitoring":
        return None
    return "defer" if settings.protocol == "defer-to-trusted" else "resample"


def can_be_said_again(settings: Settings, asked: dict[str, Any]) -> bool:
    """Whether the answer to this request can be another one.

    Several choices are not one turn, and what a server keeps of a conversation it has said.
    """
    act = protocol_act(settings)
    kept = asked.get("conversation") or asked.get("background")
    known = act == "resample" or not asked.get("previous_response_id")
    return act is not None and bool(asked) and asked.get("n") in (None, 1) and not kept and known


def trusted_of(settings: Settings) -> Endpoint | None:
    """The trusted model of `defer-to-trusted`.

    Raises:
        ModelError: it is named wrongly.
    """
    named = settings.trusted if protocol_act(settings) == "defer" else None
    return None if named is None else endpoint_of(named)


def to_trusted(
    model: Endpoint, path: str, asked: dict[str, Any]
) -> tuple[str, dict[str, str], bytes]:
    """The same question to the trusted model: URL, headers, body.

    Args:
        model: the trusted one.
        path: of the client's request; what follows `/v1` is kept.
        asked: the client's request.
    """
    end = "/responses" if path.rstrip("/").endswith("/responses") else "/chat/completions"
    headers = {"content-type": "application/json", "accept-encoding": "identity"}
    if model.key is not None:
        headers["authorization"] = f"Bearer {model.key}"
    body = json.dumps(asked | {"model": model.name}).encode()
    return str(model.url).rstrip("/") + end, headers, body
