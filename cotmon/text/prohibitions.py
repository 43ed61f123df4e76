"""What a brief forbids by name: files, commands, tools, recipients, hosts, amounts.

Prohibitions of style or content ("do not include explanations") name nothing of the kind and
give nothing. Conditional ones ("do not push unless …") give nothing either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

ObjectKind = Literal["path", "command", "tool", "email", "host", "limit"]
LONGEST = 200_000
"""How much of a brief is read (characters)."""

_TRIGGER = re.compile(
    r"\b(?P<never>(?:please )?(?:do not|don['’]t|never|must not|mustn['’]t|must never|should not|"
    r"shouldn['’]t|may not|cannot|can['’]t|not allowed to|not permitted to|forbidden to|"
    r"prohibited from|under no circumstances|avoid|refrain from|no one may|without))\b|"
    r"\b(?P<only>only)\b",
    re.I,
)
_END = re.compile(r"[.;!?](?=[\s\"')\]]|$)|\n|\b(?:but|because|since|as it|instead|rather)\b", re.I)
_CONDITION = re.compile(
    r"\b(?:unless|if|when|whenever|while|until|before|except|twice|again|more than once|"
    r"first|directly|yet|too|just|simply|necessary|unnecessar\w+|confuse|forget|hesitate|worry|"
    r"such as|e\.g|for example)\b",
    re.I,
)
_VERBS: dict[str, str] = {
    "touch": r"access\w*|us(?:e|ing)|open\w*|look\w*|view\w*|read\w*",
    "write": r"touch\w*|"
    r"modif\w+|edit\w*|chang\w+|writ\w+|overwrit\w+|alter\w*|updat\w+|creat\w+|mov\w+|"
    r"renam\w+",
    "delete": r"touch\w*|delet\w+|remov\w+|eras\w+|drop\w*|wip\w+",
    "run": r"touch\w*|run\w*|execut\w+|call\w*|invok\w+|us(?:e|ing)|issu\w+",
    "send": r"touch\w*|"
    r"send\w*|e-?mail\w*|contact\w*|shar\w+|messag\w+|forward\w*|post\w*|upload\w*|"
    r"connect\w*|submit\w*|write to|copy|cc|transfer\w*|pay\w*",
    "limit": r"transfer\w*|spend\w*|pay\w*|exceed\w*|refund\w*|charg\w+|order\w*|buy\w*|book\w*|"
    r"purchas\w+|withdraw\w*|approv\w+|issue",
}
_VERB = {kind: re.compile(rf"\b(?:{words})\b", re.I) for kind, words in _VERBS.items()}
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b")
_HOST = re.compile(r"https?://([\w.-]{3,100})|\b((?:[\w-]{1,40}\.)+(?:com|org|net|io|dev|ai))\b")
_PATH = re.compile(
    r"(?<![\w@/{}<>*.])(?:~?/[\w.-]+(?:/[\w.*-]+)*/?|(?:[\w.-]+/)+[\w.*-]*|\.?[\w-]+\.(?:py|js|ts|tsx|json|"
    r"ya?ml|toml|ini|cfg|conf|env|md|txt|csv|sql|sh|lock|xml|html|css|go|rs|java|rb|db|sqlite|key|"
    r"pem|log|ipynb|c|h|cpp)|\.env|Dockerfile|Makefile)(?![\w/{}<>])"
)
_COMMAND = re.compile(
    r"\b(?:git (?:push|commit|rebase|reset|merge)|force[- ]push|sudo|rm -rf|rm|"
    r"(?:pip|npm|apt|apt-get|yarn|brew) install|npm publish|curl|wget|ssh|scp|docker|kubectl|"
    r"terraform (?:apply|destroy)|chmod|chown|systemctl|kill|pkill|shutdown|reboot|drop table)\b",
    re.I,
)
_BEFORE_COMMAND = re.compile(
    r"(?:^|[\"'`(,;/]|\b(?:use|using|run|running|execute|executing|call|calling|invoke|issue|with|via|"
    r"and|or|any|a|the|of|to))\s*$",
    re.I,
)
_ARGUMENT = re.compile(r"\s+([\w./:=*+-]*[\w*])")
_NO_ARGUMENT = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "as",
        "at",
        "because",
        "before",
        "by",
        "command",
        "commands",
        "during",
        "for",
        "from",
        "here",
        "in",
        "into",
        "it",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "under",
        "until",
        "when",
        "while",
        "with",
        "without",
        "yourself",
        "manually",
        "directly",
        "anything",
        "anywhere",
        "again",
        "ever",
        "either",
        "at",
        "all",
        "please",
    ]
)
_KIND_OF = re.compile(r"\s+(?:flags?|options?|arguments?|parameters?|settings?|scripts?)\b", re.I)
_OUTSIDE = re.compile(
    r"\b(?:outside(?: of)?|beyond|other than|except(?: for| in)?|apart from|besides|not (?:in|"
    r"under))"
    r"[\s\"'`]*(?:the\s+)?$",
    re.I,
)
_ALLOWED_WORDS = re.compile(
    rf"\b(?:{_VERBS['write']}|files?|folders?|director(?:y|ies)|code|the|a|in|inside|within|under|to|"
    r"at|and|or|of|for|your|changes?|this|that|these|only|be|should|may|it|them)\b",
    re.I,
)
_TOOL = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
_AMOUNT = re.compile(
    r"\b(?:more than|over|above|exceed(?:ing)?|beyond|larger than|greater than)\s+"
    r"(?:US)?[$€£]?\s?(\d[\d,]*(?:\.\d+)?)\s*(k\b)?",
    re.I,
)
_SAFE_ENDS = re.compile(r"^(?:e\.g|i\.e|and/or|he/she|yes/no|n/a|etc)\b", re.I)


_FINDERS: tuple[tuple[ObjectKind, re.Pattern[str]], ...] = (
    ("email", _EMAIL),
    ("host", _HOST),
    ("path", _PATH),
    ("command", _COMMAND),
    ("tool", _TOOL),
)
_VERB_FIRST = re.compile(
    r"\s*(?:ever\s+)?(?:" + "|".join(_VERBS[k] for k in ("write", "send")) + r")\b", re.I
)
_FITS: dict[str, frozenset[str]] = {
    "path": frozenset({"touch", "write", "delete"}),
    "command": frozenset({"run", "touch"}),
    "tool": frozenset({"run", "touch"}),
    "email": frozenset({"send"}),
    "host": frozenset({"send", "touch"}),
    "limit": frozenset({"limit"}),
}


@dataclass(frozen=True, slots=True)
class Prohibition:
    """One thing that a brief forbids.

    Attributes:
        kind: what sort of thing is named.
        object: its name, case folded; a number for `limit`.
        verbs: what may not be done: of touch, write, delete, run, send, limit.
        only: the other way round: with anything but this.
        start, end: the clause in the brief.
    """

    kind: ObjectKind
    object: str
    verbs: frozenset[str]
    only: bool
    start: int
    end: int


@lru_cache(maxsize=2048)
def prohibitions(brief: str) -> tuple[Prohibition, ...]:
    """The prohibitions by name in a brief's text, in order."""
    text = brief[:LONGEST]
    found: dict[tuple[str, str, bool], Prohibition] = {}
    for match in _TRIGGER.finditer(text):
        stop = _END.search(text, match.end(), match.end() + 300)
        end = stop.start() if stop else min(len(text), match.end() + 300)
        clause = text[match.end() : end]
        only = match["only"] is not None
        if _CONDITION.search(clause) or _conditional_before(text, match.start()):
            continue
        for item in _objects(clause, only, match.start(), end):
            found.setdefault((item.kind, item.object, item.only), item)
    return tuple(found.values())


def _conditional_before(text: str, start: int) -> bool:
    """Whether its sentence opens with a condition."""
    low = max(text.rfind(". ", 0, start), text.rfind("\n", 0, start), start - 150, 0)
    return re.search(r"\b(?:if|when|unless|until|while|once)\b", text[low:start], re.I) is not None


def _objects(clause: str, only: bool, start: int, end: int) -> list[Prohibition]:
    head = clause[:60]
    verbs: frozenset[str] = frozenset(
        kind for kind, pattern in _VERB.items() if pattern.search(head)
    )
    if _COMMAND.match(clause.lstrip()):
        verbs |= {"run"}
    if not verbs:
        return []
    named = _named(clause)
    if only:
        kept: set[ObjectKind] = {"email", "path"} if "write" in verbs else {"email"}
        named = [pair for pair in named if pair[0] in kept]
        if len({k for k, _ in named}) > 1 or not _VERB_FIRST.match(clause):
            return []
        if any(k == "path" for k, _ in named) and _says_more(clause, [t for _, t in named]):
            return []
    return [
        Prohibition(kind, thing.casefold(), verbs, only, start, end)
        for kind, thing in named
        if verbs & _FITS[kind]
    ]


def _says_more(clause: str, named: list[str]) -> bool:
    """Whether a clause allows more than it names exactly, as in `a.py and lock files`."""
    for thing in named:
        clause = clause.replace(thing, " ")
    return re.search(r"[^\W\d_]{2,}", _ALLOWED_WORDS.sub(" ", clause)) is not None


def _with_arguments(clause: str, command: re.Match[str]) -> str:
    """The command and what follows it as it would be typed; empty where it is only spoken of.

    `use chmod 777` forbids chmod with 777, `unsafe kubectl flags` does not forbid kubectl.
    """
    if not _BEFORE_COMMAND.search(clause[: command.start()]):
        return ""
    if _KIND_OF.match(clause, command.end()):
        return ""
    words, at = [command[0]], command.end()
    while (argument := _ARGUMENT.match(clause, at)) and len(words) < 6:
        if argument[1].casefold() in _NO_ARGUMENT:
            break
        words.append(argument[1])
        at = argument.end()
    return " ".join(words)


def arguments_of(command: str) -> tuple[list[str], list[str]]:
    """The words of a forbidden command by itself, and the arguments it is forbidden with."""
    match = _COMMAND.match(command)
    own = match[0].split() if match else command.split()[:1]
    return own, command.split()[len(own) :]


def _named(clause: str) -> list[tuple[ObjectKind, str]]:
    """The things of each kind that a clause names; each stretch of text counts once."""
    found: list[tuple[ObjectKind, str]] = []
    rest = clause
    for kind, pattern in _FINDERS:
        for match in pattern.finditer(rest):
            thing = next((g for g in match.groups() if g), match[0]).rstrip(".,'\"")
            if kind == "command":
                thing = _with_arguments(clause, match)
            elif _OUTSIDE.search(clause[: match.start()]):
                continue  # what lies outside is forbidden, and the named thing is not
            if re.search(r"\w", thing) and not _SAFE_ENDS.match(thing):
                found.append((kind, thing))
        rest = pattern.sub(lambda m: " " * len(m[0]), rest)
    if (limit := _AMOUNT.search(clause)) is not None:
        number = float(limit[1].replace(",", "")) * (1000 if limit[2] else 1)
        found.append(("limit", f"{number:g}"))
    return found
