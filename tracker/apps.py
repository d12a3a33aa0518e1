from django.apps import AppConfig


class TrackerConfig(AppConfig):
    name = "tracker"
    verbose_name = "Problems"

    def ready(self) -> None:
        from tracker.clocks import receivers as clocks
        from tracker.text_index import receivers
        from tracker.transfer import tables

        receivers.connect()
        clocks.connect()
        tables.declare()
