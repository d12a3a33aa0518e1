"""What servers send when a mail did not arrive, is late, or did arrive."""

from __future__ import annotations

from tests.gate.corpus.building import OTHERS, Sample, answer, head, multipart, part

GONE = "ada@example.net"
OUR_MAIL = head(Subject="[#7] The printer stops") + part(f"{OTHERS}\n")


def _status(action: str = "failed", status: str = "5.1.1") -> bytes:
    return part(
        "Reporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; {GONE}\nAction: {action}\nStatus: {status}\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\n",
        "message/delivery-status",
    )


def _report(
    text: str, *, action: str = "failed", status: str = "5.1.1", original: bytes = b""
) -> bytes:
    last = original or part(OUR_MAIL, "message/rfc822")
    parts = [part(text), _status(action, status), last]
    return multipart("report", *parts, more="; report-type=delivery-status")


def _dsn(
    subject: str, body: bytes, who: str = "Mail Delivery System <MAILER-DAEMON@mx.example.net>"
) -> bytes:
    sent = {
        "From": who,
        "Subject": subject,
        "Return_Path": "<>",
        "In_Reply_To": "",
        "References": "",
    }
    return head(**sent, Auto_Submitted="auto-replied") + body


HEADERS_ONLY = part(head(), "text/rfc822-headers")
EML = ("[#7] The printer stops.eml",)

# (name, subject, body, who sends it, files)
_REPORTS = [
    ("postfix", "Undelivered Mail Returned to Sender", _report("This is the mail system at host mx.example.net."), "", EML),
    ("postfix, late", "Delayed Mail (still being retried)", _report("It could not be delivered for 4 hours.", action="delayed", status="4.4.1"), "", EML),
    ("postfix, headers only", "Undelivered Mail Returned to Sender", _report("This is the mail system.", original=HEADERS_ONLY), "", ()),
    ("sendmail", "Returned mail: see transcript for details", _report("The following addresses had permanent fatal errors"), "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>", EML),
    ("sendmail, late", "Warning: could not send message for past 4 hours", _report("Warning only.", action="delayed", status="4.2.0"), "", EML),
    ("exim", "Mail delivery failed: returning message to sender", _report("This message was created automatically by mail delivery software."), "", EML),
    ("exchange", "Undeliverable: [#7] The printer stops", _report("Your message couldn't be delivered."), "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.net>", EML),
    ("exchange de", "Unzustellbar: [#7] The printer stops", _report("Die Nachricht wurde nicht zugestellt."), "postmaster@example.net", EML),
    ("gmail", "Delivery Status Notification (Failure)", _report("Address not found."), "mailer-daemon@example.net", EML),
    ("full", "Undelivered Mail Returned to Sender", _report("Mailbox full.", status="5.2.2"), "", EML),
]  # fmt: skip

# (name, subject, text, who sends it)
_FREE = [
    ("qmail", "failure notice", f"Hi. This is the qmail-send program at mx.example.net.\n\n<{GONE}>:\nno such user\n", "MAILER-DAEMON@mx.example.net"),
    ("exim of old", "Mail delivery failed: returning message to sender", f"This message was created automatically by mail delivery software.\n\n  {GONE}\n", "Mail Delivery System <Mailer-Daemon@mx.example.net>"),
    ("exim, late", "Warning: message 1abc delayed 24 hours", "It has not yet been delivered.\n", "Mailer-Daemon@mx.example.net"),
    ("groupwise", "Mail System Error - Returned Mail", "The message that you sent was undeliverable.\n", "Postmaster@example.net"),
    ("yahoo", "Failure Notice", "Sorry, we were unable to deliver your message.\n", "mailer-daemon@yahoo.example.net"),
    ("notes", "DELIVERY FAILURE: User not listed", "Your message was not delivered.\n", "postmaster@example.net"),
    ("without a subject that says so", "[#7] The printer stops", "Your message could not be delivered: user unknown.\n", "MAILER-DAEMON@example.net"),
    ("french", "Message non remis", "Votre message.\n", "postmaster@example.net"),
    ("spanish", "No se pudo entregar: x", "Su mensaje.\n", "postmaster@example.net"),
    ("japanese", "配信不能: x", "x\n", "postmaster@example.net"),
]  # fmt: skip


def _free(subject: str, text: str, who: str) -> bytes:
    return answer(text, From=who, Subject=subject, Return_Path="<>", In_Reply_To="", References="")


BOUNCES: list[Sample] = [
    Sample(f"bounce: {name}", _dsn(subject, body, *[who] if who else []), None, files, "e", True, sender="")
    for name, subject, body, who, files in _REPORTS
] + [
    Sample(f"bounce: {name}", _free(subject, text, who), None, (), "null", True, sender="")
    for name, subject, text, who in _FREE
] + [
    Sample("bounce: x-failed-recipients", answer("x", X_Failed_Recipients=GONE), None, (), "X-Failed", True),
    Sample("bounce: with a sender", answer("Permanent error: user unknown", From="MAILER-DAEMON@example.net", Subject="Delivery failure"), None, (), "mailer-daemon", True),
    Sample("bounce: report type lost", head(From="MAILER-DAEMON@example.net") + multipart("mixed", part("x"), _status()), None, (), "delivery report", True),
    Sample("no bounce: delivered", _dsn("Successful Mail Delivery Report", _report("It was delivered.", action="delivered", status="2.0.0")), None, EML, "e", sender=""),
    Sample("no bounce: relayed", _dsn("Delivery report", _report("It was relayed.", action="relayed", status="2.0.0")), None, EML, "e", sender=""),
    Sample("no bounce: postmaster writes", answer("We move the server on Friday.", From="postmaster@example.net", Subject="Maintenance"), None, (), "postmaster"),
    Sample("no bounce: vacation from nobody", answer("I am away.", Subject="Away", Return_Path="<>"), None, (), "null", sender=""),
    Sample("no bounce: a person forwards one", answer("This came back:", Subject="Fwd: Undelivered Mail Returned to Sender"), "This came back:"),
]  # fmt: skip
