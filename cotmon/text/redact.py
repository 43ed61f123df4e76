"""Secrets in a text, replaced before it leaves this machine.

Keys, tokens and passwords are told by the name before them, by the shapes that issuers give them,
and by where they stand (a URL, a header). What has neither name nor shape is not found.
"""

from __future__ import annotations

import re

REDACTED = "[redacted]"
_NAMES = (
    r"api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|secret|token|passw(?:or)?d|"
    r"passphrase|passcode|pwd|credentials?|authorization|cookie|connection[_-]?string"
)
_QUOTE = r"\\{0,3}[\"']"
_NAMED = re.compile(
    rf"(?P<name>(?:{_NAMES})[\w-]{{0,40}}(?:{_QUOTE})?\s{{0,4}}(?:[:=]>?|\s)\s{{0,4}})"
    rf"(?:(?P<quote>{_QUOTE})(?P<quoted>.{{1,4096}}?)(?P=quote)"
    r"|(?:(?:bearer|basic|digest|token)\s+)?(?P<bare>[^\s\"'\\,;&{}\[\]<>()]{3,4096}))",
    re.IGNORECASE | re.DOTALL,
)
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,16384}?(?:-----END [A-Z ]{0,30}KEY-----|\Z)"
    r"|\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,200}"
    r"|\b(?:gh[opsur]_|github_pat_|glpat-|hf_|npm_|pypi-|dop_v1_|xox[a-z]-|xapp-|shpat_|SG\.)"
    r"[A-Za-z0-9_.-]{10,300}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,60}|\bya29\.[A-Za-z0-9_-]{20,300}"
    r"|\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}(?:\.[A-Za-z0-9_-]{0,2048})?",
    re.DOTALL,
)
_HEADER = re.compile(r"\b(bearer|basic)(\s{1,4})[A-Za-z0-9._~+/=-]{8,8192}", re.IGNORECASE)
_URL = re.compile(r"(://[^\s/:@\"'\\]{0,256}):[^\s/@\"'\\]{1,1024}@")


def redacted(text: str, most: int) -> str:
    """The text without its secrets, cut to so many characters afterwards.

    Args:
        text: of any length; only what can stand in the result is read.
        most: characters kept.
    """
    shown = text[: most * 4 + 20_000]  # a secret that is cut in two would not be known by its shape
    shown = _SHAPES.sub(REDACTED, shown)
    shown = _URL.sub(rf"\1:{REDACTED}@", shown)
    shown = _HEADER.sub(rf"\1\2{REDACTED}", shown)
    shown = _NAMED.sub(_without_value, shown)
    return shown if len(shown) <= most else f"{shown[:most]}…"


def _without_value(found: re.Match[str]) -> str:
    quote = found["quote"] or ""
    if found["bare"] is not None and _is_prose(found):
        return found[0]
    return f"{found['name']}{quote}{REDACTED}{quote}"


def _is_prose(found: re.Match[str]) -> bool:
    """`the token was refused`: a plain word after a space is no secret, but after an option."""
    before = found.string[max(0, found.start() - 40) : found.start()]
    option = re.search(r"(?:^|\s)--?[\w-]{0,39}\Z", before)
    return not option and not re.search("[:=]", found["name"]) and found["bare"].isalpha()
