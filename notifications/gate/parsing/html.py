"""HTML to text: what a reader would see of it, and what of it is quoted.

Quotes come out with "> " before them, as plain mail has them. Where a program marks that others'
words follow, a line with one of the two signs below says so; both are letters of no script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from notifications.gate.parsing import limits

# Who wrote what is quoted next; the answers may stand between quotes.
QUOTE_FOLLOWS: Final = "\ue002"
# All that follows is of others.
OTHERS_FOLLOW: Final = "\ue003"
SIGNS: Final = QUOTE_FOLLOWS + OTHERS_FOLLOW
_OPEN, _CLOSE = "\ue000", "\ue001"
_ALL_SIGNS: Final = re.compile("[\ue000-\ue003\x00]")
# What the library reads, raw or as a reference, and does not take back.
_NOT_TAKEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# Pictures within the markup; a screenshot is longer than all that is read.
_PICTURE: Final = re.compile(r"data:[a-z]{1,20}/[^\"'<>\s]{200,}", re.IGNORECASE)
# A tag, with its attributes as the library reads them; it compares each with each.
_TAG: Final = re.compile(r"(<[a-zA-Z][a-zA-Z0-9:]*+)(?:=\s*+\"[^\"]*+\"|=\s*+'[^']*+'|[^>])*+>?")
_LONGEST_TAG: Final = 4_000
_NOT_SHOWN: Final = (
    "script",
    "style",
    "head",
    "title",
    "meta",
    "link",
    "object",
    "embed",
    "iframe",
)
_NOT_SHOWN_EITHER: Final = ("svg", "template", "noscript", "applet", "map", "audio", "video", "xml")
_UNSEEN: Final = "unseen"
_HIDDEN: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|opacity\s*:\s*0(?![.\d])"
    r"|font-size\s*:\s*0(?![.\d])|max-height\s*:\s*0(?![.\d])",
    re.IGNORECASE,
)
_KEEPS_SPACES: Final = re.compile(r"white-space\s*:\s*(?:pre|break-spaces)", re.IGNORECASE)
_NO_BORDER: Final = re.compile(r"border(?:-left)?\s*:\s*(?:none|0(?![.\d]))", re.IGNORECASE)
# Outlook draws this line above the mail that is answered.
_OUTLOOK_RULE: Final = re.compile(
    r"border-top\s*:\s*solid\s+#(?:e1e1e1|b5c4df)", re.IGNORECASE
)  # fmt: skip
_QUOTE_CLASSES: Final = {"gmail_quote", "gmail_quote_container", "moz-cite-prefix", "zmail_extra"}
_OTHERS_CLASSES: Final = {"protonmail_quote", "yahoo_quoted", "ms-outlook-mobile-reference-message"}
_OTHERS_IDS: Final = {
    "appendonsend",
    "divrplyfwdmsg",
    "olk_src_body_section",
    "mail-editor-reference-message-container",
    "isreplycontent",
    "reply-intro",
}
# Some programs write an emoji as a picture; other pictures are named in words.
_EMOJI: Final = re.compile("[\u2190-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]{1,8}")
_STYLE_KEPT: Final = "white-space: pre"
_BLANK_LINES: Final = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


def text_of_html(html: str) -> str:
    """The words of an HTML document with quotes marked; "" when there are none."""
    html = _ALL_SIGNS.sub("", _PICTURE.sub("", html)[: limits.HTML])
    if not html.strip():
        return ""
    root = _tree(_TAG.sub(_bounded_tag, html))
    if root is None:
        return ""
    _drop_unseen(root)
    _bound(root)
    for element in list(root.iter(etree.Element)):
        _mark(element)
        _simplify(element)
    return _mark_quotes(_render(root))


def _bounded_tag(tag: re.Match[str]) -> str:
    return tag[0] if len(tag[0]) <= _LONGEST_TAG else f"{tag[1]}>"


def without_signs(text: str) -> str:
    """A text as it is shown, without the lines that only say who wrote what follows."""
    if not any(sign in text for sign in SIGNS):
        return text
    return "\n".join(line for line in text.split("\n") if line.strip("> ") not in {*SIGNS}).strip()


def _tree(html: str) -> HtmlElement | None:
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        return document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError):
        return None


def _drop_unseen(root: HtmlElement) -> None:
    """Take elements out, and leave the text that follows them; all at once, as each moves it."""
    for element in root.xpath("//*[@style or @hidden]"):
        if "hidden" in element.attrib or _HIDDEN.search(element.get("style", "")[:2_000]):
            element.tag = _UNSEEN
    etree.strip_elements(root, *_NOT_SHOWN, *_NOT_SHOWN_EITHER, _UNSEEN, with_tail=False)


def _bound(root: HtmlElement) -> None:
    """Cut what is nested too deeply, and what comes after too many elements."""
    depth, count = 0, 0
    flat: list[HtmlElement] = []
    beyond: list[HtmlElement] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth, count = depth + 1, count + 1
        if count > limits.HTML_ELEMENTS:
            beyond.append(element)
        elif depth == limits.HTML_DEPTH:
            flat.append(element)
    for element in beyond:
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    for element in flat:
        text = " ".join(element.itertext())
        for child in list(element):
            element.remove(child)
        element.text = _taken(text)


def _mark(element: HtmlElement) -> None:
    """Write down, as text, where others' words begin."""
    if element.tag == "blockquote" and _is_quote(element):
        opening = _sign(_OPEN)
        opening.tail, element.text = _taken(element.text), None
        element.insert(0, opening)
        element.append(_sign(_CLOSE))
        return
    classes = set(element.get("class", "")[:500].lower().split())
    if element.tag != "blockquote" and classes & _QUOTE_CLASSES:
        _line_before(element, QUOTE_FOLLOWS)
    elif (
        classes & _OTHERS_CLASSES
        or element.get("id", "").lower().removeprefix("x_") in _OTHERS_IDS
        or _OUTLOOK_RULE.search(element.get("style", "")[:2_000])
    ):
        _line_before(element, OTHERS_FOLLOW)
    elif element.tag == "a":
        _name_target(element)
    elif element.tag == "img" and _EMOJI.fullmatch(element.get("alt", "")[:20]):
        element.text = element.get("alt")


def _is_quote(element: HtmlElement) -> bool:
    """Whether it quotes; some programs indent with it."""
    style = element.get("style", "")[:2_000]
    if element.get("type", "").lower() == "cite" or "cite" in element.attrib:
        return True
    return bool(element.get("class") or "border" in style) and not _NO_BORDER.search(style)


def _line_before(element: HtmlElement, sign: str) -> None:
    if element.getparent() is not None:
        element.addprevious(_sign(sign))


def _sign(sign: str) -> HtmlElement:
    """A line of its own."""
    line = HtmlElement(sign)
    line.tag = "div"
    return line


def _name_target(element: HtmlElement) -> None:
    """Add where a link leads, unless its words say so already."""
    target = element.get("href", "").strip()
    if not re.match(r"https?://\S{1,2000}$", target):
        return
    shown = "".join(element.itertext()).strip()
    bare = re.sub(r"^https?://(?:www\.)?|/$", "", target)
    if shown and bare not in shown:
        last = element[-1] if len(element) else None
        if last is None:
            element.text = f"{_taken(element.text)} ({_taken(target)})"
        else:
            last.tail = f"{_taken(last.tail)} ({_taken(target)})"


def _taken(text: str | None) -> str:
    return _NOT_TAKEN.sub("", text or "")


def _simplify(element: HtmlElement) -> None:
    """Leave a table its words, and no attribute by which a page could ask for a billion spaces."""
    keeps_spaces = _KEEPS_SPACES.search(element.get("style", "")[:2_000])
    element.attrib.clear()
    if keeps_spaces:
        element.set("style", _STYLE_KEPT)
    if element.tag in {"table", "tbody", "thead", "tfoot", "tr", "caption", "blockquote", "center"}:
        element.tag = "div"
    elif element.tag in {"td", "th"}:
        element.tag = "span" if _is_short(element) else "div"
        if element.tag == "span" and element.getnext() is not None:
            element.tail = " "
    elif element.tag == "img":
        element.tag = "span"


def _is_short(cell: HtmlElement) -> bool:
    """Whether a cell is one of data; others only place things on a page."""
    return not any(child.tag in {"div", "p", "table", "ul", "ol", "pre"} for child in cell)


def _render(root: HtmlElement) -> str:
    config = ParserConfig(css=STRICT_CSS_PROFILE.copy(), display_images=False)
    render: Callable[[], str] = Inscriptis(root, config).get_text
    return render()


def _mark_quotes(text: str) -> str:
    """Put "> " before the lines between the signs of a quote."""
    lines: list[str] = []
    depth = 0
    for line in text.replace("\xa0", " ").replace("\u200b", "").split("\n"):
        if line.strip() == _OPEN:
            depth = min(depth + 1, 20)
        elif line.strip() == _CLOSE:
            depth = max(depth - 1, 0)
            while lines and lines[-1].strip("> ") == "" and lines[-1]:
                lines.pop()
        else:
            lines.append(("> " * depth + line).rstrip() if depth else line.rstrip())
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
