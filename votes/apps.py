from django.apps import AppConfig


class VotesConfig(AppConfig):
    name = "votes"
    verbose_name = "Votes"

    def ready(self) -> None:
        from votes import receivers, transfer

        receivers.connect()
        transfer.declare()
