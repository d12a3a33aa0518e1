"""What accounts tells the apps above it.

account_mail_requested: a mail to one address must go out.
    Arguments: `to` (str), `subject` (str), `text` (str), `html` (str), `kind` (str, e.g. "code"),
    `person` (Person or None). Sent inside the transaction that caused it.
trust_changed: whether a person's votes count has changed (trusted, discounted, restored).
    Arguments: `person` (Person). Sent inside the transaction that changed it.
"""

from django.dispatch import Signal

account_mail_requested = Signal()
trust_changed = Signal()
