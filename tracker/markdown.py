"""What people write, as HTML that is safe to show: CommonMark with tables, no raw HTML.

Two gates stand one behind the other: markdown-it escapes what is not Markdown, and nh3 keeps only
the elements named here. A text that would take long to parse is shown as it was typed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

# Parsing takes time in proportion to these, whichever way they are put together.
MOST_CHARS: Final = 100_000
MOST_LINES: Final = 5_000
MOST_MARKS: Final = 10_000
DEEPEST: Final = 40
CACHED_CHARS: Final = 20_000

TAGS: Final = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("h3", "h4", "h5", "h6", "a", "span", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
}
# "#12" names a problem and "@rita" a person, unless they are part of a word, an address or a path.
_REFERENCE: Final = re.compile(
    r"(?<![\w/#&@.-])(?:#(?P<number>[1-9]\d{0,17})\b|@(?P<handle>[A-Za-z0-9](?:[\w.-]{0,38}\w)?)"
    r"|(?P<address>https?://[\w\[][^\s<>\"`]*))"
)
# What ends a sentence ends no address; nor does what closes, unless it was opened there.
_AFTER_ADDRESS: Final = ".,:;!?…'*_~”’、。，；：！？）」"
_MARKS: Final = re.compile(r"[\[\]!*_~`<|]")


def render(text: str) -> SafeString:
    """`text` as HTML, ready for a page."""
    return _render_cached(text) if len(text) <= CACHED_CHARS else _render(text)


@lru_cache(maxsize=512)
def _render_cached(text: str) -> SafeString:
    return _render(text)


def _render(text: str) -> SafeString:
    if _is_heavy(text):
        return as_typed(text)
    tokens = _PARSER.parse(text)
    if max((token.level for token in tokens), default=0) >= DEEPEST - 2:
        # The parser leaves out what is nested deeper; showing too much is better.
        return as_typed(text)
    unsafe = _PARSER.renderer.render(tokens, _PARSER.options, {})
    safe = nh3.clean(
        unsafe,
        tags=TAGS,
        attributes=ATTRIBUTES,
        allowed_classes={"span": {"mention"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener",
    )
    return mark_safe(safe)  # noqa: S308 - cleaned on the line above


def as_typed(text: str) -> SafeString:
    """The text with its own line breaks and nothing interpreted."""
    return mark_safe(f'<pre class="as-typed">{html.escape(text)}</pre>')  # noqa: S308 - escaped


def _is_heavy(text: str) -> bool:
    return (
        len(text) > MOST_CHARS
        or text.count("\n") > MOST_LINES
        or len(_MARKS.findall(text)) > MOST_MARKS
    )


def _refer(state: StateCore) -> None:
    """Turn #12, @rita and addresses into links and marks, in plain text only."""
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = list(_with_references(block.children))


def _with_references(children: list[Token]) -> Iterator[Token]:
    links = 0
    for token in children:
        links += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "text" and not links:
            yield from _split(token)
        else:
            yield token


def _split(token: Token) -> Iterator[Token]:
    end = 0
    for match in _REFERENCE.finditer(token.content):
        yield _text(token.content[end : match.start()])
        shown, tag, attrs = match[0], "a", {}
        if match["number"]:
            attrs = {"href": f"/{match['number']}"}
        elif match["address"]:
            shown = _without_end(shown)
            attrs = {"href": shown}
        else:
            tag, attrs = "span", {"class": "mention"}
        yield Token("link_open", tag, 1, attrs=dict(attrs))
        yield _text(shown)
        yield Token("link_close", tag, -1)
        end = match.start() + len(shown)
    yield _text(token.content[end:])


def _without_end(address: str) -> str:
    """An address without the punctuation of the sentence in which it stands."""
    closing = "".join(close for opens, close in ("()", "[]") if opens not in address)
    return address.rstrip(_AFTER_ADDRESS + closing)


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _fit_page(state: StateCore) -> None:
    """Headings stand below the page's own; alignment is an attribute, for styles are refused."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        style = str(token.attrs.pop("style", ""))
        if style:
            token.attrs["align"] = style.removeprefix("text-align:")


def _image_as_link(
    self: RendererHTML, tokens: list[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    """No picture is fetched from elsewhere: its sender would learn who reads."""
    source = str(tokens[at].attrs.get("src", ""))
    label = tokens[at].content or source
    return f'<a href="{html.escape(source)}">{html.escape(label)}</a>'


def _make_parser() -> MarkdownIt:
    # People paste logs and write lists without marks: a line's end is meant.
    options = {"html": False, "linkify": False, "breaks": True, "maxNesting": DEEPEST}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    parser.core.ruler.push("refer", _refer)
    parser.core.ruler.push("fit_page", _fit_page)
    parser.add_render_rule("image", _image_as_link)
    return parser


_PARSER: Final = _make_parser()
