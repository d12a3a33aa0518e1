"""The outbox: how a mail is queued, claimed, written, and handed to a server once."""
