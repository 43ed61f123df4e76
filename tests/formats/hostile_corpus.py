"""Hostile log files, made on demand: what is in them, and what must be said of them."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import zstandard as zstd
from hostile_samples import CHAT, INSPECT, SAID, SAMPLES, as_bytes


@dataclass(frozen=True)
class Hostile:
    """One hostile file.

    Attributes:
        name: of the case.
        make: its bytes.
        refused: part of the reason of a refusal that must come, None where none must.
        line: line that the refusal must name.
        read: transcripts that must come all the same.
        kept: part of a text that must be in some message.
        noted: part of a reason that must stand in some coverage.
    """

    name: str
    make: Callable[[], bytes]
    refused: str | None = None
    line: int | None = None
    read: int = 0
    kept: str | None = None
    noted: str | None = None


def chat(*messages, **more):
    """One line of a chat log."""
    return json.dumps({"id": "x", "messages": list(messages), **more}).encode() + b"\n"


def asked(text="How many are there?"):
    return {"role": "user", "content": text}


def said(text=SAID, **more):
    return {"role": "assistant", "content": text, **more}


GOOD = chat(asked(), said())


def good(count):
    """Lines of as many good transcripts."""
    return b"".join(GOOD.replace(b'"x"', b'"x%d"' % k) for k in range(count))


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


HEADER = json.dumps({k: v for k, v in INSPECT.items() if k != "samples"})
SAMPLE = json.dumps(INSPECT["samples"][0])
MEMBER = "samples/inspect-1_epoch_1.json"


def zstandard_zip(members):
    """A zip of method 93 written by hand: the packed bytes of each member are the caller's."""
    out, entries = io.BytesIO(), b""
    for name, packed in members.items():
        sizes = (zlib.crc32(HEADER.encode()), len(packed), len(HEADER), len(name), 0)
        entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 63, 63, 0, 93, 0, 33, *sizes, 0, 0, 0, 0,
                            out.tell())  # fmt: skip
        entries += entry + name.encode()
        local = struct.pack("<4s5H3I2H", b"PK\3\4", 63, 0, 93, 0, 33, *sizes)
        out.write(local + name.encode() + packed)
    count, size = len(members), len(entries)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, out.tell(), 0)
    return out.getvalue() + entries + end


def evaluation(sample: str | bytes = SAMPLE, **more):
    return zipped({"header.json": HEADER, MEMBER: sample, **more})


def flagged_encrypted():
    data = bytearray(evaluation())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + place] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


def wrong_checksum():
    data = zipped({"header.json": HEADER, MEMBER: SAMPLE}, zipfile.ZIP_STORED)
    return data.replace(b"I look.", b"I l00k.")


def zeros(megabytes):
    """Packed zeros, a megabyte at a time, so that the tests do not need the memory."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("header.json", HEADER)
        with archive.open(MEMBER, "w") as member:
            for _ in range(megabytes):
                member.write(b"[" * (1 << 20))
    return out.getvalue()


def zstandard(packed):
    header = zstd.ZstdCompressor().compress(HEADER.encode())
    return zstandard_zip({"header.json": header, MEMBER: packed})


def zstandard_bomb():
    packer = zstd.ZstdCompressor(level=1).compressobj()
    chunk = b" " * (1 << 20)
    packed = b"".join(packer.compress(chunk) for _ in range(200)) + packer.flush()
    return zstandard(packed)


def deep(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


def deep_objects(depth):
    return '{"a":' * depth + "1" + "}" * depth


def line_of(text):
    """A chat line with raw JSON put where the assistant's content stands."""
    return chat(asked(), said("@@")).replace(b'"@@"', text.encode("utf-8", "surrogatepass"))


def broken_far():
    return many(39_999) + b'{"id": "x", "messages": [}\n' + GOOD


LONE = '"half \\ud83d pair"'


def many(count):
    """Short lines of as many transcripts."""
    lines = (
        b'{"id": %d, "messages": [{"role": "user", "content": "a"}]}\n' % k for k in range(count)
    )
    return b"".join(lines)


TINY = {"role": "user", "content": "a"}

CONTAINERS = [
    Hostile("zip_truncated", lambda: evaluation()[:-200], "cut short or damaged"),
    Hostile("zip_only_a_mark", lambda: b"PK\x03\x04" + b"\0" * 100, "zip archive"),
    Hostile("zip_bomb_deflate", lambda: zeros(50), "zip bomb"),
    Hostile("zip_bomb_zstandard", zstandard_bomb, "zip bomb"),
    Hostile("zip_zstandard_cut", lambda: zstandard(b"\x28\xb5\x2f\xfd\0"), "damaged"),
    Hostile("zip_zstandard_junk", lambda: zstandard(b"junk"), "damaged"),
    Hostile(
        "zip_path_traversal", lambda: evaluation(**{"../../etc/x": b"0", "/etc/passwd": b"0"}),
        read=1, kept=SAID,
    ),
    Hostile(
        "zip_sample_named_up",
        lambda: zipped({"header.json": HEADER, "samples/../../x_epoch_1.json": SAMPLE}),
        read=1, kept=SAID,
    ),
    Hostile("zip_encrypted", flagged_encrypted, "encrypted"),
    Hostile("zip_wrong_checksum", wrong_checksum, "damaged"),
    Hostile("zip_nested", lambda: zipped({"a.zip": evaluation()}), "zip archive"),
    Hostile("zip_nested_sample", lambda: evaluation(evaluation()), "is not"),
    Hostile("zip_no_log", lambda: zipped({"a.txt": b"hello"}), "zip archive"),
    Hostile("zip_empty", lambda: zipped({}), "zip archive"),
    Hostile("zip_no_samples", lambda: zipped({"header.json": HEADER}), "holds no samples"),
    Hostile("zip_broken_header", lambda: zipped({"header.json": b"{", MEMBER: SAMPLE}), read=1),
    Hostile("zip_broken_sample", lambda: evaluation(SAMPLE[:-9]), "not JSON"),
    Hostile("zip_sample_is_list", lambda: evaluation("[]"), MEMBER),
    Hostile("zip_deep_sample", lambda: evaluation(deep_objects(10_000)), "too deep"),
    Hostile("zip_deep_in_sample",
            lambda: evaluation(SAMPLE.replace('"7"', deep(10_000), 1)), "too deep"),
    Hostile("gzip", lambda: b"\x1f\x8b\x08\0" + zlib.compress(GOOD), "gzip"),
]  # fmt: skip

TEXTS = [
    Hostile("json_broken_far", broken_far, "not JSON", line=40_000, read=40_000),
    Hostile("binary", lambda: bytes(range(256)) * 40, "binary"),
    Hostile("zeros_after_text", lambda: GOOD + b"\0" * 999, "still being written", 2, read=1),
    Hostile("binary_line", lambda: good(400) + b"\0\xff\xfe\n" + GOOD, "not UTF-8", 401, read=401),
    Hostile("empty", lambda: b"", "empty"),
    Hostile("white_space", lambda: b" \n\t\r\n" * 100, "empty"),
    Hostile("white_space_long", lambda: b" \n" * 100_000, "empty"),
    Hostile("mark_only", lambda: b"\xef\xbb\xbf", "empty"),
    Hostile("mark_only_16", lambda: b"\xff\xfe", "empty"),
    Hostile("mark_8", lambda: b"\xef\xbb\xbf" + GOOD, read=1, kept=SAID),
    Hostile("utf_16", lambda: GOOD.decode().encode("utf-16"), read=1, kept=SAID),
    Hostile("utf_16_big_end", lambda: b"\xfe\xff" + good(900).decode().encode("utf-16-be"),
            read=900),
    Hostile("utf_32", lambda: GOOD.decode().encode("utf-32"), read=1, kept=SAID),
    Hostile("utf_16_unmarked", lambda: GOOD.decode().encode("utf-16-le"), "UTF-16"),
    Hostile("utf_16_cut", lambda: GOOD.decode().encode("utf-16")[:-1], "utf-16"),
    Hostile("latin_1", lambda: GOOD + chat(asked("d\xe9j\xe0")).replace(
        b"\\u00e9", b"\xe9"), "not UTF-8", 2, read=1),
    Hostile("plain_text", lambda: b"[user] hello\n[agent] hello\n" * 9, "not JSON", 1),
    Hostile("html", lambda: b"<!doctype html><script>alert(1)</script>\n" * 9, "HTML"),
    Hostile("number", lambda: b"7\n", "plain text"),
    Hostile("cut_document", lambda: as_bytes(INSPECT)[:-30], "not JSON", 1),
    Hostile("cut_pretty_document",
            lambda: json.dumps(CHAT, indent=1).encode()[:-30], "not JSON", 44),
    Hostile("carriage_returns", lambda: GOOD.replace(b"\n", b"\r") * 3, "not JSON", 1),
    Hostile("windows_lines", lambda: good(3).replace(b"\n", b"\r\n"), read=3),
    Hostile("two_documents_a_line", lambda: GOOD + GOOD.strip() + GOOD, "not JSON", 2, read=1),
]  # fmt: skip

VALUES = [
    Hostile("deep_lists", lambda: deep(10_000).encode(), "too deep"),
    Hostile("deep_objects", lambda: deep_objects(10_000).encode(), "too deep"),
    Hostile("deep_open", lambda: b"[" * 200_000, "too deep"),
    Hostile("deep_line", lambda: good(1) + line_of(deep(10_000)) + GOOD, "too deep", 2, read=2),
    Hostile("deep_just_so", lambda: good(1) + line_of(deep(900)) + GOOD, "too deep", 2, read=2),
    Hostile("deep_objects_just_so",
            lambda: good(1) + line_of(deep_objects(900)) + GOOD, "too deep", 2, read=2),
    Hostile("deep_in_a_string", lambda: chat(asked(), said("", tool_calls=[{
        "id": "c", "function": {"name": "f", "arguments": deep(10_000)}}])), read=1),
    Hostile("deep_in_a_call_as_text",
            lambda: chat(asked(), said(f"<tool_call>{deep_objects(9_000)}</tool_call>")), read=1),
    Hostile("nan", lambda: chat(asked(), said(), score=1).replace(b'"score": 1', b'"score": NaN'),
            read=1, kept=SAID, noted="NaN"),
    Hostile("infinity", lambda: chat(asked(), said(), a=1).replace(b'"a": 1', b'"a": -Infinity'),
            read=1, kept=SAID, noted="Infinity"),
    Hostile("too_big_float", lambda: chat(asked(), said(), a=1).replace(b'"a": 1', b'"a": 1e999'),
            read=1, kept=SAID, noted="1e999"),
    Hostile("huge_integer", lambda: line_of("1" * 5_000), read=1, noted="5,000 digits"),
    Hostile("big_integer", lambda: chat(asked(), said(), id=2**70), read=1, kept=SAID),
    Hostile("lone_surrogate", lambda: line_of(LONE), read=1, kept="half \ufffd", noted="surrogate"),
    Hostile("lone_surrogate_keys", lambda: chat(asked(), said(), a=1).replace(
        b'"a": 1', b'"\\ud800": 1, "\\ud801": 2, "metadata": {"\\udfff": 1}'), read=1,
        noted="surrogate"),
    Hostile("lone_surrogate_id",
            lambda: GOOD.replace(b'"x"', b'"\\ud800"'), read=1, noted="surrogate"),
    Hostile("raw_controls", lambda: line_of('"a\x01\x1b[31mb"'), read=1, kept="\x1b[31m"),
    Hostile("nul", lambda: line_of('"a\\u0000b"'), read=1, kept="a\0b"),
    Hostile("repeated_keys", lambda: line_of('"first", "content": "second"'), read=1,
            kept="second"),
    Hostile("repeated_ids", lambda: GOOD + chat(asked("Other?"), said()), read=2),
    Hostile("repeated_message_ids", lambda: chat(
        asked() | {"id": "m"}, said(id="m"), said("Other.", id="m")), read=1, kept="Other.",
        noted="occurs again"),
    Hostile("repeated_call_ids", lambda: chat(asked(), *[said("", tool_calls=[
        {"id": "c", "function": {"name": n, "arguments": n}}]) for n in "ab"],
        {"role": "tool", "tool_call_id": "c", "content": "7"}), read=1),
    Hostile("id_is_object", lambda: chat(asked(), said(id={"a": 1}), id=[1]), read=1, kept=SAID),
    Hostile("id_is_null", lambda: chat(asked(), said(id=None), id=None), read=1, kept=SAID),
    Hostile("id_is_long", lambda: chat(asked(), said(id="i" * 9_999), id="i" * 99_999), read=1),
    Hostile("id_of_controls", lambda: chat(asked(), said(id="\x1b]0;x\x07\n"), id="\0\r\n../.."),
            read=1, kept=SAID),
    Hostile("no_messages", lambda: chat(), read=1),
    Hostile("empty_messages", lambda: chat({}, asked(""), said(""), said("") | {"content": None}), read=1),
    Hostile("tiny_messages", lambda: chat(*[TINY] * 100_000), read=1),
    Hostile("huge_word", lambda: chat(asked(), said("x" * 5_000_000)), read=1),
    Hostile("many_empty_lists", lambda: b"[" + b"[]," * 13_000_000 + b"[]]", "values"),
    Hostile("script_everywhere", lambda: chat(asked("</script>{{7*7}}[red]"), said(
        "</script><script>alert(1)</script>", name="</script>[red]"), id="</script>[red]"),
        read=1, kept="</script>"),
]  # fmt: skip


def cut(name):
    """A log of JSON lines whose last line is still being written."""
    return as_bytes(SAMPLES[name] * 2)[:-25]


LINES = sorted(name for name, sample in SAMPLES.items() if isinstance(sample, list))
SESSIONS = {"claude_code": "ends in the middle", "codex": "ends in the middle"}
"""Where a file is one transcript, the cut line is a gap of it, else it is refused."""
BEING_WRITTEN = [
    Hostile(f"being_written_{name}", lambda name=name: cut(name), noted=SESSIONS[name],
            read=1, kept=SAID)
    if name in SESSIONS
    else Hostile(f"being_written_{name}", lambda name=name: cut(name), "still being written",
                 line=2 * len(SAMPLES[name]), read=1, kept=SAID)
    for name in LINES
]  # fmt: skip

CORPUS = [*CONTAINERS, *TEXTS, *VALUES, *BEING_WRITTEN]
