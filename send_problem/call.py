"""One call of the program: its options, the server it speaks to, what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from send_problem.credentials import Account, account_for, close_secrets
from send_problem.failures import Exit, Failure, NotSignedIn
from send_problem.screen import Screen
from send_problem.servers import choose_server, is_readable_on_the_way

if TYPE_CHECKING:
    from send_problem.connection import Link

QUIET_PATIENCE = 0.0


class Call:
    """Options before the verb, and the connections that the verb opened."""

    def __init__(self) -> None:
        self.server_option: str | None = None
        self.screen = Screen()
        self.code = Exit.OK
        self.flushes_after = True
        self._links: dict[tuple[str, bool], Link] = {}

    def server(self) -> str:
        """The address of the server; raises ``Failure`` when none is known."""
        return choose_server(self.server_option)

    def account(self, server: str) -> Account:
        """Who this system is at the server; raises ``NotSignedIn``."""
        self.mend_rights()
        account = account_for(server)
        if account is None:
            raise NotSignedIn(
                f"This system is not signed in at {server}: run"
                " 'send-problem login you@example.org' with your address"
                " ('register' when you are new)."
            )
        return account

    def mend_rights(self) -> None:
        """Close secrets that others could read, and say so."""
        for path in close_secrets():
            self.screen.note(f"{path} was open to others; it is yours alone now.", fg="yellow")

    def link(self, server: str, account: Account | None) -> Link:
        """A connection, with the account's token when there is one; one a server and call."""
        from send_problem.connection import Link

        known = self._links.get((server, account is not None))
        if known is not None:
            return known
        if is_readable_on_the_way(server):
            message = f"{server} is not encrypted: others on the way can read what is sent."
            self.screen.note(message, fg="yellow")
        link = Link(server, account.token if account else None, waiting=self._say_waiting)
        self._links[server, account is not None] = link
        return link

    def visitor(self, server: str) -> Link:
        """A connection as whoever this system is, or as nobody, for what needs no sign-in."""
        self.mend_rights()
        return self.link(server, account_for(server))

    def flush_quietly(self) -> None:
        """Send what waits for servers that this call has reached; one line, and no failure."""
        from send_problem import outbox

        reached = {link.server for link in self._links.values() if link.reached}
        if not self.flushes_after or not reached or not outbox.items():
            return
        from send_problem.delivery import flush

        try:
            flushed = flush(self._quiet_link, servers=reached)
        except (Failure, OSError):
            return  # The verb has done its work; what waits goes on waiting.
        numbers = ", ".join(item.label for item in flushed.sent)
        if numbers:
            self.screen.note(f"Sent from the outbox: {numbers}.", fg="green")
        if flushed.refused:
            self.screen.note("The outbox holds what the server refused: see 'send-problem outbox'.")

    def close(self) -> None:
        """Close all connections."""
        for link in self._links.values():
            link.close()

    def _quiet_link(self, server: str, account: Account | None) -> Link:
        link = self.link(server, account)
        link.patience = QUIET_PATIENCE
        return link

    def _say_waiting(self, seconds: float) -> None:
        self.screen.note(f"The server is busy; waiting {seconds:.0f} s.", dim=True)
