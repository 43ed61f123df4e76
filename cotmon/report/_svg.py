"""A drawn plot as a part of a page: in the page's colours and font, without style attributes.

The page's policy forbids style attributes and the page has several plots, so properties become
attributes, ids are made unique, and colours that stand for the page's own become its variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

from markupsafe import Markup

from cotmon.text.display import escaped

_LINK = "{http://www.w3.org/1999/xlink}href"
_DROPPED = ("metadata", "style")
_NAME = re.compile(r"@([0-9]+)")
_REFERENCE = re.compile(r"#([A-Za-z][\w.-]*)(?=\)|$)")


def inline_svg(
    drawn: str, key: str, label: str, names: Sequence[str], colours: Mapping[str, str]
) -> Markup:
    """The plot as HTML.

    Args:
        drawn: SVG as matplotlib writes it.
        key: of this plot; what its ids begin with.
        label: what the plot shows, for those who do not see it.
        names: words of the log; a text `@2` in the plot becomes `names[2]`, so that no drawing
            library ever reads them.
        colours: placeholder (`#010101`) → what is written in its place (`var(--ink)`).
    """
    root = ElementTree.fromstring(drawn)
    for parent in list(root.iter()):
        for child in [c for c in parent if _local(c.tag) in _DROPPED]:
            parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.text = _said(element.text, names)
        element.tail = None
        element.attrib = dict(_attributes(element, key, colours))
    _drop_ids(root)
    root.attrib = {"class": "plot", "viewBox": root.get("viewBox", ""), "role": "img",
                   "aria-label": escaped(label)}  # fmt: skip
    return Markup(ElementTree.tostring(root, "unicode", short_empty_elements=True))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _said(text: str | None, names: Sequence[str]) -> str | None:
    text = (text or "").strip()
    found = _NAME.fullmatch(text)
    return (escaped(names[int(found[1])]) if found else text) or None


def _attributes(
    element: ElementTree.Element, key: str, colours: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """All attributes, those of `style` among them; fonts are left to the page."""
    given = {("href" if name == _LINK else name): value for name, value in element.attrib.items()}
    style = given.pop("style", "")
    for name, value in given.items():
        if name == "id":
            yield name, f"{key}-{value}"
        elif name == "d":
            yield name, " ".join(value.split())
        else:
            yield name, _REFERENCE.sub(rf"#{key}-\1", value)
    for part in style.split(";"):
        name, _, value = (word.strip() for word in part.partition(":"))
        if name and not name.startswith("font"):
            yield name, colours.get(value, _REFERENCE.sub(rf"#{key}-\1", value))


def _drop_ids(root: ElementTree.Element) -> None:
    """Ids that nothing refers to are names of matplotlib's own parts."""
    values = [v for e in root.iter() for name, v in e.attrib.items() if name != "id"]
    wanted = {found for value in values for found in _REFERENCE.findall(value)}
    for element in root.iter():
        if element.get("id") not in wanted:
            element.attrib.pop("id", None)
