from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from notifications import receivers, transfer
        from tracker.text_index import receivers as text_index
        from votes import receivers as votes

        # Who watches a search is told of what it finds, so what it reads is written first. Each
        # connects once, whoever asks.
        text_index.connect()
        votes.connect()
        receivers.connect()
        transfer.declare()
