"""Which handles may be taken."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from accounts.models import Person, handle_validator

# Words that mean somebody or nobody in an address, a filter or a mail.
RESERVED = frozenset(
    {
        "admin",
        "administrator",
        "administrators",
        "anonymous",
        "any",
        "everybody",
        "everyone",
        "groundswell",
        "help",
        "mailer-daemon",
        "me",
        "moderator",
        "new",
        "nobody",
        "none",
        "null",
        "postmaster",
        "root",
        "security",
        "settings",
        "setup",
        "staff",
        "support",
        "system",
        "team",
        "triager",
        "webmaster",
        "you",
    }
)
# An account that waits for its first code is named so; nobody may choose it.
PLACEHOLDER = "newcomer-"


def is_placeholder(handle: str) -> bool:
    """Whether nobody has chosen this handle yet."""
    return handle.startswith(PLACEHOLDER)


def check_handle(handle: str, person: Person | None = None) -> str:
    """Return `handle` if `person` (or somebody new) may take it.

    Raises ValidationError with one sentence that says why not. Handles are public, so saying that
    one is taken tells nothing; an account whose address was never confirmed holds none.
    """
    handle_validator(handle)
    if handle.lower() in RESERVED or is_placeholder(handle.lower()):
        raise ValidationError("This handle is reserved; choose another one.", code="reserved")
    holders = Person.objects.filter(handle__iexact=handle)
    if person is not None:
        holders = holders.exclude(pk=person.pk)
    if holders.exists():
        raise ValidationError("Somebody has this handle; choose another one.", code="taken")
    return handle
