"""How allauth's flows reach people: through the outbox, and without saying who is registered."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Replaced parts of allauth's default."""
