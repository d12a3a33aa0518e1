"""Bounces as servers of many makes write them, about a mail to one address. Plain functions.

Written for these tests, in the shapes that the programs give them.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

OURS = "bounce+token@problems.example.org"
RETURNED = """\
Message-ID: <event-7.person-3@127.0.0.1>
From: mara via Groundswell <groundswell@example.org>
Subject: [base/kernel] #7 panic while unplugging a disk
X-Loop: 127.0.0.1
"""


def dsn(
    address: str,
    status: str = "5.1.1",
    action: str = "failed",
    diagnostic: str = "smtp; 550 5.1.1 No such user here",
    *,
    original: str = "",
    sender: str = "MAILER-DAEMON@mx.example.net",
    text: str = "Your mail could not be delivered.",
    extra: str = "",
) -> bytes:
    """A report by RFC 3464, as Postfix and its like send it."""
    named = f"Original-Recipient: rfc822;{original}\n" if original else ""
    fields = (
        f"{named}Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: {diagnostic}\n"
    )
    return report(
        f"Reporting-MTA: dns; mx.example.net\n\n{fields}{extra}", sender=sender, text=text
    )


def report(fields: str, *, sender: str, text: str, kind: str = "delivery-status") -> bytes:
    """multipart/report around the fields of `kind`."""
    return "\n".join(
        [
            f"From: Mail Delivery System <{sender}>",
            f"To: {OURS}",
            "Subject: Undelivered Mail Returned to Sender",
            "Auto-Submitted: auto-replied",
            "Message-ID: <20261123.1@mx.example.net>",
            f'Content-Type: multipart/report; report-type={kind}; boundary="=_b"',
            "MIME-Version: 1.0",
            "",
            "--=_b",
            "Content-Description: Notification",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            text,
            "",
            "--=_b",
            f"Content-Type: message/{kind}",
            "",
            fields,
            "--=_b",
            "Content-Type: text/rfc822-headers",
            "",
            RETURNED,
            "--=_b--",
            "",
        ]
    ).encode()


def plain(sender: str, subject: str, text: str, headers: str = "") -> bytes:
    """A bounce in words for people. The lines of `text` may be indented."""
    head = f"From: {sender}\nTo: {OURS}\nSubject: {subject}\n{headers}"
    return f"{head}Content-Type: text/plain\n\n{dedent(text).strip()}\n\n{RETURNED}".encode()


def exim(address: str) -> bytes:
    text = f"""
        This message was created automatically by mail delivery software.

        A message of yours reached none of its recipients. This address failed for good:

          {address}
            host mx.example.net [192.0.2.7]
            SMTP error from remote mail server after RCPT TO:<{address}>:
            550 5.1.1 unknown user

        ------ This is a copy of the message, including all the headers. ------
        """
    head = f"X-Failed-Recipients: {address}\nAuto-Submitted: auto-replied\n"
    sender = "Mail Delivery System <Mailer-Daemon@relay.example.net>"
    return plain(sender, "Mail delivery failed: returning message to sender", text, head)


def exim_itself(address: str) -> bytes:
    """Delivered by a local program: the report says nothing, the words for people all."""
    text = f"""
        This address failed for good:

          {address}
            LMTP error after RCPT TO:<{address}>: 552 5.2.2 the mailbox is full
        """
    fields = f"Action: failed\nFinal-Recipient: rfc822;{address}\nStatus: 5.0.0\n"
    fields = f"Reporting-MTA: dns; mx.example.net\n\n{fields}"
    return report(fields, sender="Mailer-Daemon@mx.example.net", text=dedent(text))


def exim_warning(address: str) -> bytes:
    text = f"""
        This message was created automatically by mail delivery software.
        A message of yours has not yet been delivered after more than 24 hours on the queue.

        The address to which the message has not yet been delivered is:

          {address}

        No action is required on your part. Tries go on for some time.
        """
    sender = "Mail Delivery System <Mailer-Daemon@relay.example.net>"
    return plain(
        sender, "Warning: message delayed 24 hours", text, "Auto-Submitted: auto-replied\n"
    )


def qmail(address: str) -> bytes:
    text = f"""
        Hi. This is the qmail-send program at mail.example.net.
        I could not get your message to these addresses. I have given up; sorry.

        <{address}>:
        192.0.2.9 does not like recipient.
        Remote host said: 550 5.1.1 no mailbox here by that name
        Giving up on 192.0.2.9.

        --- Below this line is a copy of the message.
        """
    return plain("MAILER-DAEMON@mail.example.net", "failure notice", text)


def qmail_full(address: str) -> bytes:
    text = f"""
        Hi. This is the qmail-send program at mail.example.net.
        I could not get your message to these addresses.

        <{address}>:
        The user is over quota and takes no more mail for now. (#5.2.2)

        --- Below this line is a copy of the message.
        """
    return plain("MAILER-DAEMON@mail.example.net", "failure notice", text)


def sendmail(address: str) -> bytes:
    text = (
        "   ----- The following addresses had permanent fatal errors -----\n"
        f"<{address}>\n    (reason: 550 5.1.1 User unknown)\n\n"
        "   ----- Transcript of session follows -----\n550 5.1.1 User unknown\n"
    )
    return dsn(address, diagnostic="SMTP; 550 5.1.1 User unknown", text=text,
               sender="MAILER-DAEMON@sendmail.example.net")  # fmt: skip


def sendmail_gave_up(address: str) -> bytes:
    """After five days without a connection: failed, for a reason that passes."""
    return dsn(address, "4.4.7", diagnostic="", text="Message could not be delivered for 5 days")


def exchange(address: str) -> bytes:
    text = f"Delivery has failed to these recipients or groups:\n\n{address}\nNo such mailbox."
    diagnostic = "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup"
    sender = "MicrosoftExchange329e71ec88ae4615@corp.example.net"
    return dsn(address, "5.1.10", diagnostic=diagnostic, text=text, sender=sender)


def exchange_blocked(address: str) -> bytes:
    diagnostic = (
        "smtp;550 5.7.606 Access denied, banned sending IP [192.0.2.1]. See the list of reasons."
    )
    return dsn(address, "5.7.606", diagnostic=diagnostic, sender="postmaster@outlook.example.net")


def exchange_full(address: str) -> bytes:
    diagnostic = "smtp;554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException"
    return dsn(address, "5.2.2", diagnostic=diagnostic)


def gmail(address: str) -> bytes:
    text = f"** Address not found **\n\nYour message to {address} went nowhere.\n"
    diagnostic = (
        "smtp; 550-5.1.1 The email account that you tried to reach does not exist. "
        "Look for\n 550-5.1.1 typing errors or unnecessary spaces. 550 5.1.1 - gsmtp"
    )
    sender = "mailer-daemon@googlemail.example.com"
    return dsn(address, "5.1.1", diagnostic=diagnostic, text=text, sender=sender)


def gmail_delay(address: str) -> bytes:
    extra = "Will-Retry-Until: Tue, 01 Dec 2026 03:00:00 -0800 (PST)\n"
    diagnostic = "smtp; The recipient server did not accept our requests to connect."
    return dsn(address, "4.4.1", "delayed", diagnostic, extra=extra)


def yahoo(address: str) -> bytes:
    text = f"""
        Sorry, we were unable to deliver your message to the following address.

        <{address}>:
        Remote host said:
        554 delivery error: dd This user doesn't have an account here (somebody) [0]

        --- Below this line is a copy of the message.
        """
    return plain("MAILER-DAEMON@yahoo.example.com", "Failure Notice", text)


def opensmtpd(address: str) -> bytes:
    """Says "error" where RFC 3464 has "failed"."""
    return dsn(address, "5.0.0", "error", "smtp; 550 Invalid recipient")


def icloud_utf8(address: str) -> bytes:
    """RFC 6533: the fields in UTF-8, which Python's parser takes for one message."""
    fields = (
        "Reporting-MTA: dns;mx.example.net\n\n"
        f"Final-Recipient: utf-8;{address}\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp;550 5.1.1 Keine solche Adresse: für immer\n"
    )
    return report(fields, sender="postmaster@mx.example.net", text="Unzustellbar",
                  kind="global-delivery-status")  # fmt: skip


def content_filter(address: str) -> bytes:
    return dsn(address, "5.0.0", diagnostic="smtp; 550 Message rejected as spam by our policy")


def general_status(address: str) -> bytes:
    """A status that says nothing, and words that say all."""
    return dsn(address, "5.0.0", diagnostic="smtp; 452 4.2.2 The mailbox is over its quota")


def german_words(address: str) -> bytes:
    """A shape that nobody's table has: from a machine, the address, and a code behind it."""
    text = f"""
        Ihre Nachricht an <{address}> konnte nicht zugestellt werden:
        550 Benutzer unbekannt

        -- Kopie der Nachricht --
        """
    return plain("postmaster@firma.example.net", "Unzustellbare Nachricht", text)


def dovecot_full(address: str) -> bytes:
    """A rejection that comes as a receipt, which is no report of delivery."""
    text = f"Your message to <{address}> was automatically rejected: Quota exceeded (mailbox full)"
    fields = "Reporting-UA: mail.example.net; Dovecot\n\nDisposition: automatic; deleted\n"
    return report(fields, sender="MAILER-DAEMON@mail.example.net", text=text,
                  kind="disposition-notification")  # fmt: skip


# Name -> how it is made, what became of the mail, and the status that is read from it.
BOUNCES: dict[str, tuple[Callable[[str], bytes], str, str]] = {
    "Postfix": (dsn, "permanent", "5.1.1"),
    "Exim": (exim, "permanent", "5.1.1"),
    "Exim, its own mailbox full": (exim_itself, "passing", "5.2.2"),
    "Exim, a warning": (exim_warning, "late", ""),
    "qmail": (qmail, "permanent", "5.1.1"),
    "qmail, mailbox full": (qmail_full, "passing", "5.2.2"),
    "sendmail": (sendmail, "permanent", "5.1.1"),
    "sendmail, given up": (sendmail_gave_up, "passing", "4.4.7"),
    "Exchange": (exchange, "permanent", "5.1.10"),
    "Exchange, our server is blocked": (exchange_blocked, "refused", "5.7.606"),
    "Exchange, mailbox full": (exchange_full, "passing", "5.2.2"),
    "Gmail": (gmail, "permanent", "5.1.1"),
    "Gmail, a delay": (gmail_delay, "late", "4.4.1"),
    "Yahoo": (yahoo, "permanent", "5.0.0"),
    "OpenSMTPD": (opensmtpd, "permanent", "5.0.0"),
    "in UTF-8": (icloud_utf8, "permanent", "5.1.1"),
    "a content filter": (content_filter, "refused", "5.0.0"),
    "a status that says nothing": (general_status, "passing", "4.2.2"),
    "German words": (german_words, "permanent", "5.0.0"),
    "Dovecot, mailbox full": (dovecot_full, "passing", ""),
}


def vacation(address: str) -> bytes:
    """An answer of a person who is away, to the return path and with the null one."""
    text = f"I am away until the 7th. In urgent cases ask {address}, or call 555-1234."
    head = "Auto-Submitted: auto-replied\nX-Autoreply: yes\nPrecedence: bulk\n"
    return plain(f"Rita <{address}>", "Out of office: [base/kernel] #7", text, head)


def receipt(address: str) -> bytes:
    """A confirmation that the mail was read."""
    fields = f"Final-Recipient: rfc822;{address}\nDisposition: manual-action; displayed\n"
    return report(fields, sender=address, text="It was read.", kind="disposition-notification")


def arrival(address: str) -> bytes:
    """A report of success, which nobody asked for."""
    return dsn(address, "2.0.0", "delivered", "smtp; 250 2.0.0 Ok: queued")


# What comes to a return path and is no failure.
NO_BOUNCES: dict[str, Callable[[str], bytes]] = {
    "a vacation responder": vacation,
    "a receipt": receipt,
}
