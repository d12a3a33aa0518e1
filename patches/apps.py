from django.apps import AppConfig


class PatchesConfig(AppConfig):
    name = "patches"
    verbose_name = "Patches"

    def ready(self) -> None:
        from patches import (
            checks,  # noqa: F401 - registers itself
            receivers,
            searching,
            transfer,
            unseen,
        )

        receivers.connect()
        transfer.declare()
        searching.declare()
        unseen.declare()
