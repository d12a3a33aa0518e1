from django.apps import AppConfig


class PatchesConfig(AppConfig):
    name = "patches"
    verbose_name = "Patches"

    def ready(self) -> None:
        from patches import checks, receivers, transfer  # noqa: F401 - checks register themselves

        receivers.connect()
        transfer.declare()
