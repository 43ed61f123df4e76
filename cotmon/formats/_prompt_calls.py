"""Tool calls written as text, where a model has no calling interface.

Read where they are plainly recognisable: `<function=NAME>` (OpenHands, Llama, Qwen coder),
`<tool_call>` around JSON (Hermes) or around `<arg_key>` pairs (GLM), and `<invoke name="NAME">`.
Their results come back as the user's messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cotmon.errors import FormatError
from cotmon.formats._decoding import decode

# Every alternative ends at the text's end at the latest: a hostile text costs one pass.
_CALL = re.compile(
    r"<tool_call>(?P<wrapped>.*?)(?:</tool_call>|\Z)"
    r"|<function=(?P<name>[\w.:/-]{1,100})>(?P<body>.*?)(?:</function>?|\Z)"
    r'|<invoke name="(?P<invoked>[\w.:/-]{1,100})">(?P<parameters>.*?)(?:</invoke>|\Z)',
    re.DOTALL,
)
_PARAMETER = re.compile(
    r"<parameter(?:=|\sname=\"?)(?P<name>[\w.:-]{1,100})\"?>(?P<value>.*?)(?:</parameter>|\Z)",
    re.DOTALL,
)
_GLM_NAME = re.compile(r"\s*([\w.:/-]{1,100})\s*(?:<arg_key>|\Z)")
_RESULT = re.compile(
    r"\s*(?:<tool_response>|<tool_results?>|<function_results?>|<function_response>"
    r"|<returncode>|EXECUTION RESULT of \[(?P<name>[^\]\n]{1,100})\]|Observation(?:\s\d+)?:)"
)
_NAMES = ("name", "tool", "function")
_ARGUMENTS = ("arguments", "parameters", "args", "input")


def calls_in(text: str) -> Iterator[tuple[str, Any]]:
    """Name and arguments of each call; arguments are an object, or the text between the tags."""
    for match in _CALL.finditer(text):
        if match["wrapped"] is not None:
            yield from _wrapped(match["wrapped"])
        else:
            body = match["body"] if match["name"] else match["parameters"]
            yield match["name"] or match["invoked"], _arguments(body)


def _wrapped(inner: str) -> Iterator[tuple[str, Any]]:
    """What stands in `<tool_call>`: another notation, JSON, or a name with pairs."""
    start = inner.lstrip()
    if start.startswith("{"):
        call = _decoded(start)
        name = next((call[k] for k in _NAMES if isinstance(call.get(k), str)), None)
        if name is not None:
            yield name, next((call[k] for k in _ARGUMENTS if k in call), {})
    elif start.startswith(("<function=", "<invoke ")):
        yield from calls_in(start)
    elif named := _GLM_NAME.match(inner):
        yield named[1], dict(_pairs(inner))


def _pairs(inner: str) -> Iterator[tuple[str, str]]:
    for chunk in inner.split("<arg_key>")[1:]:
        key, _, rest = chunk.partition("</arg_key>")
        yield key.strip(), rest.partition("<arg_value>")[2].partition("</arg_value>")[0]


def _decoded(text: str) -> dict[str, Any]:
    try:
        value = decode(text.encode("utf-8", "replace"))[0]
    except FormatError:
        return {}
    return value if isinstance(value, dict) else {}


def _arguments(body: str) -> Any:
    parameters = {m["name"]: _trimmed(m["value"]) for m in _PARAMETER.finditer(body)}
    return parameters or _decoded(body) or body.strip() or {}


def _trimmed(value: str) -> str:
    """Without the one line break that the notation puts around long values."""
    return value.removeprefix("\n").removesuffix("\n")


def is_result(text: str) -> bool:
    """Whether a user's message is plainly what a tool gave back."""
    return _RESULT.match(text) is not None


def tool_named(text: str) -> str | None:
    """The tool's name, where the result says it."""
    match = _RESULT.match(text)
    return match["name"] if match else None
