"""A page that stands alone: elements in, HTML out.

Everything is built as elements, so whatever a model or a table says is text and never markup; the page loads nothing
and runs nothing, which its own policy holds the browser to.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..charts.palette import INK_ON_LIGHT, PAPER, probability_css

Child = Element | str

STYLE = f"""
:root {{ color-scheme: light; }}
body {{ font: 16px/1.5 sans-serif; color: {INK_ON_LIGHT}; background: #ffffff; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.2rem; margin-top: 2.5rem; }}
table {{ border-collapse: collapse; }} td, th {{ padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid {PAPER}; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }} td.number {{ white-space: nowrap; }}
.token {{ padding: .1rem .15rem; border-radius: .2rem; white-space: pre-wrap; }}
.target {{ outline: 2px solid {INK_ON_LIGHT}; }}
.note {{ color: #50606c; font-size: .9rem; }} img {{ max-width: 100%; max-height: 34rem; }}
.wide {{ overflow-x: auto; }} td {{ min-width: 7rem; }} th {{ overflow-wrap: normal; }} .number {{ min-width: 0; }}
h3 {{ font-size: 1.05rem; margin: 2rem 0 .5rem; }} figure {{ margin: 0; }} figcaption {{ margin-top: .4rem; }}
pre {{ background: #f4f6f8; padding: .6rem .8rem; overflow-x: auto; font-size: .82rem; line-height: 1.4;
  white-space: pre-wrap; overflow-wrap: anywhere; }} summary {{ cursor: pointer; color: #50606c; font-size: .9rem; }}
@page {{ margin: 15mm; }}
@media print {{
  body {{ max-width: none; margin: 0; padding: 0; font-size: 11pt; -webkit-print-color-adjust: exact;
    print-color-adjust: exact; }}
  h1, h2, h3 {{ break-after: avoid; }} .turn + .turn {{ break-before: page; }}
  details:not([open]) {{ display: none; }}
  figure, .token, tr {{ break-inside: avoid; }} img {{ max-height: 100mm; }}
  img[src^='data:image/png'] {{ max-height: 200mm; }} .wide {{ overflow: visible; }}
}}
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def node(tag: str, *children: Child, **attributes: str) -> Element:
    """An element with text and elements in it; `cls` is its class."""
    names = {name.replace("cls", "class"): value for name, value in attributes.items()}
    element = Element(tag, names)
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            element.append(child)
            last = child
        elif last is None:
            element.text = (element.text or "") + _shown(child)
        else:
            last.tail = (last.tail or "") + _shown(child)
    return element


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> Element:
    """A table; columns in `numbers` are set to the right, their names as well."""

    def line(tag: str, cells: Sequence[str]) -> Element:
        looks: list[dict[str, str]] = [{"cls": "number"} if i in numbers else {} for i in range(len(cells))]
        return node("tr", *(node(tag, cell, **look) for cell, look in zip(cells, looks, strict=True)))

    return wide(node("table", line("th", header), *(line("td", row) for row in rows)))


def wide(part: Element) -> Element:
    """A part that is scrolled by itself where the page is narrower: a table, a figure."""
    return node("div", part, cls="wide")


def image(svg: str, alt: str) -> Element:
    """A drawing as an image of its own, whose names cannot meet those of another."""
    return _image("svg+xml", svg.encode(), alt)


def picture(png: bytes, alt: str) -> Element:
    """A picture of pixels."""
    return _image("png", png, alt)


def _image(kind: str, content: bytes, alt: str) -> Element:
    data = base64.b64encode(content).decode()
    return node("img", src=f"data:image/{kind};base64,{data}", alt=_shown(alt))


def token(text: str, probability: float, target: bool) -> Element:
    """A word of an answer, the more probable the more blue."""
    style = f"background: {probability_css(probability)}"
    return node("span", text, cls="token target" if target else "token", style=style, title=f"{probability:.1%}")


def page(title: str, *children: Element) -> bytes:
    """The page as it is written."""
    root = Element("html", {"lang": "en"})
    head = SubElement(root, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width"})
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": POLICY})
    SubElement(head, "title").text = _shown(title)
    SubElement(head, "style").text = STYLE
    body = SubElement(root, "body")
    body.append(node("h1", title))
    body.extend(children)
    return ("<!doctype html>\n" + ElementTree.tostring(root, encoding="unicode", method="html") + "\n").encode()


def _shown(text: str) -> str:
    """Text without characters that HTML has no place for (a lone surrogate, a control character)."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text)
