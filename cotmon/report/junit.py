"""One gate as a JUnit file, which every CI shows."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_NOT_IN_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


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
    """XML 1.0 has no control characters, surrogates and non-characters, however written."""
    return _NOT_IN_XML.sub("�", text)
