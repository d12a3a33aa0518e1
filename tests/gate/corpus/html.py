"""Mails that have no plain text, by the programs that send them."""

from __future__ import annotations

from tests.gate.corpus.building import OTHERS, Sample, head, multipart, part

MARKER = "----- Reply above this line -----"
OWN = "It also happens with 2.1.\n\nOnly after a restart."
OURS = f"<p>{MARKER}</p><p>Ada commented {OTHERS}:</p><p>Which {OTHERS} version?</p>"
WHO = "Ada Test &lt;reply@problems.example.org&gt;"
GMAIL = "<div dir='ltr'><div>It also happens with 2.1.</div><div><br></div><div>Only after a restart.</div></div><br>"
GMAIL_QUOTE = f"<div class='gmail_quote gmail_quote_container'><div dir='ltr' class='gmail_attr'>On Mon, Nov 23, 2026 at 10:00 AM {WHO} wrote:<br></div><blockquote class='gmail_quote' style='margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex'>{OURS}</blockquote></div>"
WORD = "<p class=MsoNormal>It also happens with 2.1.<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>Only after a restart.<o:p></o:p></p>"
RULE = "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
OWN_P = "<p>It also happens with 2.1.</p><p>Only after a restart.</p>"
OWN_DIV = "<div>It also happens with 2.1.</div><div><br></div><div>Only after a restart.</div>"
PLAIN_QUOTE = f"<p>Which {OTHERS} version?</p><p>And which {OTHERS} machine?</p>"
UNKNOWN = "Zxc 23 qwe 2026"  # in no language


def _page(body: str) -> bytes:
    styled = f"<html><head><title>{OTHERS}</title><style>p {{ color: red }}</style></head><body>{body}</body></html>"
    return head() + part(styled, "text/html; charset=utf-8")


# (name, body, own text; the usual when it is "")
_BODIES: list[tuple[str, str, str]] = [
    ("gmail", GMAIL + GMAIL_QUOTE, ""),
    ("gmail without marker", GMAIL + GMAIL_QUOTE.replace(MARKER, ""), ""),
    ("gmail in no language", GMAIL + GMAIL_QUOTE.replace("On Mon, Nov 23, 2026 at 10:00 AM", UNKNOWN).replace("wrote:", "qwertz"), ""),
    ("gmail signature", GMAIL + "<div><span class='gmail_signature_prefix'>-- </span><br><div class='gmail_signature'>Bela Test<br>Example</div></div>" + GMAIL_QUOTE, ""),
    ("gmail interleaved", f"<div class='gmail_quote'><div class='gmail_attr'>On Mon, Nov 23, 2026 at 10:00 AM {WHO} wrote:<br></div><blockquote class='gmail_quote' style='border-left:1px solid'>Which {OTHERS} version?</blockquote><div><br></div><div>2.1.</div><div><br></div><blockquote class='gmail_quote' style='border-left:1px solid'>And {OTHERS} machine?</blockquote><div><br></div><div>A ThinkPad.</div></div>", f"> Which {OTHERS} version?\n\n2.1.\n\n> And {OTHERS} machine?\n\nA ThinkPad."),
    ("outlook 365", WORD + RULE + f"<p class=MsoNormal><b>From:</b> {WHO}<br><b>Sent:</b> Monday, November 23, 2026 10:00 AM<br><b>To:</b> Bela<br><b>Subject:</b> x</p></div></div>{PLAIN_QUOTE}", ""),
    ("outlook 2010", WORD + RULE.replace("#E1E1E1", "#B5C4DF") + f"<p class=MsoNormal><b>Von:</b> {WHO}<br><b>Gesendet:</b> Montag</p></div></div>{PLAIN_QUOTE}", ""),
    ("outlook in no language", WORD + RULE + f"<p class=MsoNormal>{UNKNOWN}</p></div></div>{PLAIN_QUOTE}", ""),
    ("outlook web", f"<div class='elementToProof'>It also happens with 2.1.</div><div class='elementToProof'><br></div><div>Only after a restart.</div><div id='appendonsend'></div><hr style='display:inline-block;width:98%'><div id='divRplyFwdMsg' dir='ltr'><b>From:</b> {WHO}<br><b>Sent:</b> Monday</div>{PLAIN_QUOTE}", ""),
    ("outlook ios", f"<div dir='ltr'>It also happens with 2.1.<br><br>Only after a restart.</div><div id='ms-outlook-mobile-signature'><div><br></div>Get <a href='https://aka.ms/o0ukef'>Outlook for iOS</a></div><div id='mail-editor-reference-message-container'><hr><div><b>From:</b> {WHO}</div>{PLAIN_QUOTE}</div>", ""),
    ("apple mail", OWN_DIV + f"<div><br><blockquote type='cite'><div>On 23 Nov 2026, at 10:00, {WHO} wrote:</div><br><div>{OURS}</div></blockquote></div>", ""),
    ("apple mail ios", OWN_DIV + f"<br><div dir='ltr'>Sent from my iPhone</div><div dir='ltr'><br><blockquote type='cite'>On 23 Nov 2026, at 10:00, {WHO} wrote:<br><br></blockquote></div><blockquote type='cite'>{PLAIN_QUOTE}</blockquote>", ""),
    ("thunderbird", OWN_P + f"<div class='moz-cite-prefix'>On 11/23/26 10:00 AM, Ada wrote:<br></div><blockquote type='cite' cite='mid:x@example.org'>{OURS}</blockquote>", ""),
    ("thunderbird in no language", OWN_P + f"<div class='moz-cite-prefix'>{UNKNOWN}<br></div><blockquote type='cite' cite='mid:x@example.org'>{PLAIN_QUOTE}</blockquote>", ""),
    ("thunderbird below", f"<div class='moz-cite-prefix'>On 11/23/26 10:00 AM, Ada wrote:<br></div><blockquote type='cite'>{OURS}</blockquote>{OWN_P}", ""),
    ("yahoo", OWN_DIV + f"<div id='ydp1' class='yahoo_quoted'><div>On Monday, November 23, 2026 at 10:00 AM, {WHO} wrote:</div><div>{PLAIN_QUOTE}</div></div>", ""),
    ("proton", OWN_DIV + f"<div class='protonmail_quote'>On Monday, {WHO} wrote:<br><blockquote class='protonmail_quote' type='cite'>{PLAIN_QUOTE}</blockquote></div>", ""),
    ("gmx", OWN_DIV + f"<div name='quote' style='margin:10px 5px;padding:10px;border-left:2px solid #C3D9E5;'><div><b>Gesendet:</b> Montag, 23. November 2026 um 10:00 Uhr<br><b>Von:</b> {WHO}<br><b>An:</b> Bela<br><b>Betreff:</b> x</div><div>{PLAIN_QUOTE}</div></div>", ""),
    ("zoho", OWN_DIV + f"<div class='zmail_extra'><br>---- On Mon, 23 Nov 2026 10:00:00 +0100 <b>{WHO}</b> wrote ----<br><blockquote style='border-left:1px solid'>{PLAIN_QUOTE}</blockquote></div>", ""),
    ("marker without quotes", OWN_P + f"<div>{OURS}</div>", ""),
    ("samsung", OWN_DIV + f"<div>Sent from my Galaxy</div><div><br></div><div>-------- Original message --------</div><div>From: {WHO}</div><div>Date: 23/11/2026 10:00 (GMT+01:00)</div><div>To: Bela</div><div>Subject: x</div>{PLAIN_QUOTE}", ""),
    ("hidden words", OWN_P + f"<div style='display:none'>{OTHERS}</div><span style='font-size:0px'>{OTHERS}</span><p hidden>{OTHERS}</p><div style='mso-hide:all'>{OTHERS}</div>", ""),
    ("tracking pixel", OWN_P + "<img src='https://track.example.org/p.gif?id=1' width=1 height=1 alt=''>", ""),
    ("script", f"<script>{OTHERS}</script>" + OWN_P + f"<!-- {OTHERS} --><![if mso]>", ""),
    ("conditional comment", OWN_P + f"<!--[if mso]><p>{OTHERS}</p><![endif]-->", ""),
    ("link", "<p>See <a href='https://example.org/log?x=1'>the log</a> and <a href='https://example.org/'>example.org</a>.</p>", "See the log (https://example.org/log?x=1) and example.org."),
    ("list", "<ul><li>one</li><li>two</li></ul>", "  * one\n  * two"),
    ("preformatted", "<p>It says:</p><pre>a\n  b\n    c</pre>", "It says:\n\na\n  b\n    c"),
    ("preformatted by style", "<div style='white-space:pre-wrap'>a\n  b</div>", "a\n  b"),
    ("table", "<table><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>", "a 1\nb 2"),
    ("entities", "<p>a &lt; b &amp;&amp; c &#8364; &eacute;</p>", "a < b && c € é"),
    ("indented by a quote", "<p>Like this:</p><blockquote style='margin:0 0 0 40px;border:none;padding:0'>indented</blockquote>", "Like this:\n\nindented"),
    ("never closed", "<p>one<p>two<b>three<table><tr><td>four", "one\n\ntwothree\nfour"),
    ("a billion spaces", "<div style='padding-left:999999999em;margin-top:999999999em'>near</div>", "near"),
    ("a picture within", "<img src='data:image/png;base64," + "iVBO" * 100_000 + "'>" + OWN_P, ""),
    ("no markup", "just words &amp; 1 < 2", "just words & 1 < 2"),
]  # fmt: skip

HTML: list[Sample] = [
    Sample(f"html: {name}", _page(body), own or OWN) for name, body, own in _BODIES
] + [
    Sample("html: letters named inside", head() + part("<meta charset=iso-8859-2><p>Ľúbim ťa".encode("iso-8859-2"), "text/html"), "Ľúbim ťa"),
    Sample("html: xml", head() + part('<?xml version="1.0" encoding="utf-16"?><html xmlns="http://www.w3.org/1999/xhtml"><p>one</p></html>', "application/xhtml+xml; charset=utf-8"), "one"),
    Sample("html: plain is a stub", head() + multipart("alternative", part("This message is in HTML: use another mail program.\n"), part(OWN_P, "text/html; charset=utf-8")), OWN),
    Sample("html: plain is empty", head() + multipart("alternative", part(" \n\n"), part(OWN_P, "text/html; charset=utf-8")), OWN),
    Sample("html: plain is better", head() + multipart("alternative", part("+1\n"), part("<p>+1 <b>now</b></p>", "text/html")), "+1"),
    Sample("html: plain talks of HTML", head() + multipart("alternative", part("The HTML is broken.\n"), part("<p>The HTML is broken.</p>", "text/html")), "The HTML is broken."),
    Sample("html: not an alternative", head() + multipart("mixed", part("It stops when I print two pages.\n"), part("<p>It stops when I print two pages.</p>", "text/html")), "It stops when I print two pages."),
    Sample("html: amp", head() + multipart("alternative", part("+1\n"), part("<html amp4email>x", "text/x-amp-html"), part("<p>+1</p>", "text/html")), "+1"),
    Sample("html: enriched", head() + part("<bold>It</bold> stops\nhere.\n\n<<x>\n", "text/enriched"), "It stops here.\n<x>"),
]  # fmt: skip
