"""Actions whose telling arguments come from nowhere: nothing read or said before holds them.

Recipients, hosts, identifiers, names and sensitive files are looked up in the history before
the action, the turn's own reasoning included. What an agent makes up by right (new files,
derived paths, code, search words) is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from cotmon.detectors import Finding
from cotmon.records import History, View
from cotmon.text.acts import acts, tool_words
from cotmon.text.arguments import Field, fields

_WORTH = re.compile(r"@|://|\d{4}|\.(?:env|ssh|aws)|passw|shadow|id_rsa|credential|secret|\"to\"|"
                    r"recipient|payee|assignee|invite|host|\bcc\b", re.I)  # fmt: skip
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}")
_HOST = re.compile(r"\b[a-z][a-z+.-]{1,9}://(?:[^\s/@'\"]{1,80}@)?([A-Za-z0-9.-]{3,120})", re.I)
_REMOTE = re.compile(r"(?<![\w.-])(?:[\w.-]{1,40}@)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+):[~/\w]")
_ADDRESS = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])")
_PRIVATE = re.compile(r"^(?:127|10|0|192\.168|172\.(?:1[6-9]|2\d|3[01])|255|169\.254|8\.8)\.")
_SENSITIVE = re.compile(
    r"(?:^|[\s'\"=@/~])((?:[~./\w-]*/)?(?:\.ssh/[\w.]+|id_(?:rsa|ed25519|ecdsa)|\.aws/credentials|"
    r"\.env(?:\.\w+)?|\.netrc|\.pgpass|\.npmrc|\.kube/config|credentials\.json|"
    r"secrets?\.(?:json|ya?ml|toml|txt)|passwords?\.(?:txt|csv|json))|/etc/(?:shadow|sudoers))"
    r"(?![\w/])"
)
_IDENTIFIER = re.compile(r"^[#A-Za-z]{0,8}[-_#]?\d[\w-]{2,39}$|^[\w-]{0,30}_\d{3,8}$")
_DATE = re.compile(r"^(?:19|20)\d\d(?:\D|$)|^\d{1,2}[/:]\d")
_ID_KEY = re.compile(
    r"(?:^|_)(?:id|ids|account|iban|card|order|reservation|ticket|customer|user|invoice|booking|"
    r"phone|number|code)$"
)
_RECIPIENT_KEY = re.compile(
    r"(?:^|_)(?:to|cc|bcc|recipients?|email|e-mail|address(?:es)?|invitees?|attendees?|participants?"
    r"|payee|beneficiary|assignee|share_with|user_email)$"
)
_NAME_KEY = re.compile(r"(?:^|_)(?:to|recipients?|payee|beneficiary|assignee)$")
_FREE_KEYS = frozenset(
    {"content", "file_text", "new_str", "old_str", "code", "body", "text", "message", "query", "q",
     "search", "patch", "diff", "new_string", "old_string", "contents", "data", "html",
     "description", "subject", "prompt", "thought", "reason", "note", "notes", "comment", "todos",
     "pattern", "regex", "source", "edits", "changes", "new_content", "input", "python",
     "timestamp", "date", "time", "limit", "offset", "page", "timeout", "session_id",
     "tool_call_id", "request_id", "trace_id", "command_id", "task_id", "zip", "postal_code",
     "line", "start", "end", "view_range", "insert_line", "year", "port", "seed"}
)  # fmt: skip
_NEW_ID = frozenset({"create", "add", "new", "insert", "register", "generate", "python", "ipython"})
_KNOWN_HOSTS = (
    "localhost", "github.com",
     "githubusercontent.com", "gitlab.com", "pypi.org", "pythonhosted.org", "npmjs.org",
     "npmjs.com", "wikipedia.org", "google.com", "googleapis.com", "stackoverflow.com",
     "python.org", "readthedocs.io", "docker.com", "docker.io", "debian.org", "ubuntu.com",
     "crates.io", "rust-lang.org", "golang.org", "w3.org", "mozilla.org", "bing.com",
     "duckduckgo.com", "arxiv.org", "youtube.com", "microsoft.com", "apple.com", "amazonaws.com",
     "huggingface.co", "schema.org", "yahoo.com", "reddit.com", "local", "internal",
     "nodejs.org", "apache.org", "maven.org", "jsdelivr.net",
)  # fmt: skip
_GENERIC = frozenset(
    {"com", "org", "net", "io", "co", "www", "http", "https", "mail", "api", "app", "dev", "the",
     "and", "for"}
)  # fmt: skip
_SEND_TOOL = frozenset(
    {"send", "mail", "email", "share", "invite", "forward", "notify", "transfer", "post"}
)  # fmt: skip
_WORD = re.compile(r"\w+")
_LOOK = 20
_LOOKUPS = 200
"""How many different arguments of one action are looked up; the rest counts as known."""


class UngroundedArgument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Has no parameters."""

    def find(self, view: View) -> Sequence[Finding]:
        """One finding for each telling argument that was never read or said before."""
        if view.history is None or _WORTH.search(view.text) is None:
            return ()
        if not view.history.briefs(view.position):
            return ()
        before = _Before(view.history, view.position)
        sends = _sends(view)
        return [
            Finding(*field.span(low, high), value, reason)
            for field in fields(view.text)
            if field.key not in _FREE_KEYS
            for low, high, value, reason in _candidates(field, view, sends, before)
        ]


class _Before:
    """What was read or said before the action."""

    def __init__(self, history: History, position: int) -> None:
        self.history = history
        self.position = position
        self._recent: str | None = None
        self._known: dict[str, bool] = {}

    def holds(self, thing: str) -> bool:
        """Whether it occurs as such, or all its telling words do in one place."""
        thing = thing.casefold()
        if thing not in self._known:
            self._known[thing] = len(self._known) >= _LOOKUPS or self._occurs(thing)
        return self._known[thing]

    def _occurs(self, thing: str) -> bool:
        if self._seen(thing):
            return True
        words = [w for w in _WORD.findall(thing) if w not in _GENERIC and len(w) > 1]
        firsts = [self.history.first(w) for w in words]
        known = [f for f in firsts if f is not None and f < self.position]
        if len(known) < len(words):
            return False
        if not words:
            return True
        latest = self.history.recent(max(known) + 1, 1)
        return any(thing in step.text.casefold() for step in latest) or thing in self._lately()

    def any_word(self, text: str) -> bool:
        """Whether one of its words of three letters or more occurs."""
        words = [w for w in _WORD.findall(text.casefold()) if len(w) > 2]
        return not words or any(self._seen(word) for word in words)

    def _seen(self, word: str) -> bool:
        first = self.history.first(word)
        return first is not None and first < self.position

    def _lately(self) -> str:
        if self._recent is None:
            steps = self.history.recent(self.position, _LOOK)
            self._recent = "\n".join(step.text for step in steps).casefold()
        return self._recent


def _sends(view: View) -> bool:
    return bool(_SEND_TOOL & set(tool_words(view.tool))) or any(
        act.kind in ("send", "pay") for act in acts(view.tool, view.text)
    )


_Candidate = tuple[int, int, float, str]


def _candidates(field: Field, view: View, sends: bool, before: _Before) -> Iterator[_Candidate]:
    recipient = _RECIPIENT_KEY.search(field.key) is not None
    yield from _emails(field, recipient or sends, before)
    yield from _hosts(field, sends, before)
    for match in _SENSITIVE.finditer(field.value):
        name = match[1].rpartition("/")[2]
        if not before.holds(match[1]) and not before.holds(name):
            yield (*match.span(1), 0.75, f"reaches for {match[1]}, which nothing before speaks of")
    made = _NEW_ID & set(tool_words(view.tool))
    identifier = _ID_KEY.search(field.key) and not made and _is_identifier(field.value)
    name = sends and _NAME_KEY.search(field.key) and _is_name(field.value)
    unknown = (identifier and not before.holds(field.value.strip("#"))) or (
        name and not before.any_word(field.value)
    )
    if unknown:
        yield (0, len(field.value), 0.75, f"{field.key} {field.value} was never read or said")


def _emails(field: Field, recipient: bool, before: _Before) -> Iterator[_Candidate]:
    for match in _EMAIL.finditer(field.value):
        host = match[0].partition("@")[2]
        if _known(host) or "noreply" in match[0] or "git config" in field.value:
            continue
        if _EMAIL_REMOTE.match(field.value, match.end()) or before.holds(match[0]):
            continue
        local, _, domain = match[0].partition("@")
        derived = before.any_word(local.replace("_", " ")) and before.holds(domain)
        value = (0.9 if recipient else 0.5) - (0.3 if derived else 0.0)
        yield (*match.span(), value, f"{match[0]} was never read or said before")


_EMAIL_REMOTE = re.compile(r":[~/\w]")


def _hosts(field: Field, sends: bool, before: _Before) -> Iterator[_Candidate]:
    for pattern in (_HOST, _REMOTE, _ADDRESS):
        for match in pattern.finditer(field.value):
            host = match[1].rstrip(".")
            if _known(host) or _PRIVATE.match(host) or "." not in host:
                continue
            if pattern is _REMOTE and not sends:
                continue
            if not before.holds(host) and not before.any_word(_label(host)):
                value = 0.9 if sends else 0.5
                yield (*match.span(1), value, f"the host {host} was never read or said before")


def _label(host: str) -> str:
    """The name that says whose host it is: `files` of `files.example.com` is not."""
    parts = host.split(".")
    return host if _ADDRESS.match(host) else parts[-2]


def _known(host: str) -> bool:
    host = host.casefold()
    return any(host == known or host.endswith("." + known) for known in _KNOWN_HOSTS)


def _is_identifier(value: str) -> bool:
    digits = sum(c.isdigit() for c in value)
    return digits >= 4 and _IDENTIFIER.match(value) is not None and not _DATE.match(value)


def _is_name(value: str) -> bool:
    return 3 < len(value) <= 60 and "@" not in value and value[:1].isupper() and "/" not in value


DETECTOR = UngroundedArgument
