"""How mail leaves. Each backend is one of Django's, and can also carry a row of the outbox."""
