"""One gate as a JUnit file, which every CI shows."""

from __future__ import annotations

from xml.etree import ElementTree


def junit(name: str, words: str, code: int) -> str:
    """The file's text; code 0 is a pass, 1 a failure, 2 an error."""
    suite = ElementTree.Element(
        "testsuite", name="cotmon", tests="1", failures=str(int(code == 1)),
        errors=str(int(code == 2)),
    )  # fmt: skip
    case = ElementTree.SubElement(suite, "testcase", classname="cotmon", name=_xml(name))
    if code:
        ElementTree.SubElement(case, "failure" if code == 1 else "error", message=_xml(words))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _xml(text: str) -> str:
    """XML has no control characters, however they are written."""
    return "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" else "�" for c in text)
