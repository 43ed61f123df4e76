"""OpenAI's Responses interface: items, requests with their responses, Agents SDK run states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cotmon.formats import _run_state
from cotmon.formats._builder import Builder
from cotmon.formats._conversations import Conversation
from cotmon.formats._file import LogFile
from cotmon.formats._joining import begins_with, joined, read_conversations
from cotmon.formats._records import sample
from cotmon.formats._responses_items import CALLS, OTHERS, OUTPUTS, ItemWriter, is_item, key_of
from cotmon.formats._shapes import string_of
from cotmon.records import Refusal, Transcript

_TYPED = CALLS | OUTPUTS | OTHERS
_PARTS = frozenset({"input_text", "output_text", "input_image", "input_file"})
_LISTS = ("items", "data", "input")


class _Format:
    title = "an OpenAI Responses log"

    def sniff(self, file: LogFile) -> int:
        return max((_strength(value) for value in sample(file, is_item)), default=0)

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        return read_conversations(file, "openai_responses", _write, _find, _join, is_item)


def _strength(value: Any) -> int:
    if _run_state.is_run_state(value) or _responses(value):
        return 3
    found = _find(value)
    return 2 if found is not None and any(map(_typical, found.messages[:50])) else 0


def _typical(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    parts = item.get("content")
    parts = parts if isinstance(parts, list) else []
    typed = any(isinstance(p, dict) and string_of(p.get("type")) in _PARTS for p in parts)
    return string_of(item.get("type")) in _TYPED or typed


def _responses(value: Any) -> bool:
    """Whether there is a whole response object: alone, beside its request, or in a trace."""
    if not isinstance(value, dict):
        return False
    held = [value, _body(value.get("response"))]
    held += [span.get("output") for span in _spans(value)]
    return any(
        isinstance(r, dict) and r.get("object") == "response" and isinstance(r.get("output"), list)
        for r in held
    )


def _body(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return value["body"] if isinstance(value.get("body"), dict) else value


def _spans(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Calls of the model in a DeepEval trace, by time."""
    spans = value.get("llmSpans")
    spans = [s for s in spans if isinstance(s, dict)] if isinstance(spans, list) else []
    return sorted(spans, key=lambda span: str(span.get("startTime")))


def _find(value: Any) -> Conversation | None:
    if isinstance(value, list):
        return Conversation(value) if any(map(is_item, value[:20])) or not value else None
    if not isinstance(value, dict):
        return None
    if _run_state.is_run_state(value):
        return _run_state.conversation_of(value)
    if _spans(value) and _responses(value):
        return _trace(value)
    return _exchange(value)


def _trace(value: dict[str, Any]) -> Conversation | None:
    whole: Conversation | None = None
    known: set[Any] = set()
    for span in _spans(value):
        given = span.get("input")
        asked = given.get("args") if isinstance(given, dict) else None
        request = asked[0] if isinstance(asked, list) and asked else {}
        found = _exchange({"request": request, "response": span.get("output")})
        if found is None:
            continue
        if whole is None:
            whole, new = found, found.messages
        else:
            new = _new_items(whole, found, known)
            whole.messages.extend(new)
            whole.response = found.response
        known.update(map(key_of, new))
    if whole is None:
        return None
    whole.id = str(value.get("uuid") or whole.id)
    whole.extra = {k: v for k, v in value.items() if k not in ("llmSpans", "uuid")}
    return whole


def _new_items(earlier: Conversation, later: Conversation, known: set[Any]) -> list[Any]:
    linked = later.follows is not None and later.follows == earlier.response
    return [item for item in later.messages if linked or key_of(item) not in known]


def _exchange(value: dict[str, Any]) -> Conversation | None:
    """A request, its response, or both."""
    request = _body(value.get("request")) or _body(value)
    response = _body(value.get("response")) or value
    asked = next((request[k] for k in _LISTS if _holds_items(request.get(k))), None)
    output = response.get("output")
    answered = output if _holds_items(output) else None
    if asked is None and answered is None:
        return None
    if asked is None and isinstance(request.get("input"), str):
        asked = [{"role": "user", "content": request["input"]}]
    places = (value, request, response)
    extra = {k: v for k, v in value.items() if k not in (*_LISTS, "output", "instructions")}
    for name, part in (("request", request), ("response", response)):
        if value.get(name) and part is not value:
            extra[name] = {k: v for k, v in part.items() if k not in (*_LISTS, "output")}
    return Conversation(
        list(asked or []) + list(answered or []),
        system=request.get("instructions") or response.get("instructions"),
        id=_first(places, "id", "conversation_id"),
        session=_first((value,), "session_id", "conversation_id", "id"),
        model=_first((request, response), "model"),
        extra=extra,
        response=_first((response,), "id"),
        follows=_first((response, request), "previous_response_id"),
    )


def _holds_items(value: Any) -> bool:
    return isinstance(value, list) and any(map(is_item, value))


def _first(places: tuple[dict[str, Any], ...], *keys: str) -> str | None:
    found = (p[k] for p in places for k in keys if isinstance(p.get(k), str) and p[k])
    return next(found, None)


def _join(earlier: Conversation, later: Conversation) -> Conversation | None:
    """A response that follows the one before it continues it; a repeated history is one."""
    if later.follows is None or later.follows != earlier.response:
        return joined(earlier, later)
    if not begins_with(later.messages, earlier.messages):
        later.messages = earlier.messages + later.messages
    later.id, later.system = earlier.id, earlier.system or later.system
    return later


def _write(builder: Builder, found: Conversation, line: int | None) -> None:
    items = [item if _wrapped(item) else {"raw_item": item} for item in found.messages]
    names = [item["agent"] for item in items if item.get("agent")]
    writer = ItemWriter(builder, line, agent=names[0] if names else "agent")
    if found.system:
        writer.add({"role": "system", "content": found.system})
    for item in items:
        writer.add(item["raw_item"], item.get("agent"))
    writer.close()


def _wrapped(item: Any) -> bool:
    return isinstance(item, dict) and "raw_item" in item


FORMAT = _Format()
