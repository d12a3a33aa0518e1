from django.apps import AppConfig


class PatchesConfig(AppConfig):
    name = "patches"
    verbose_name = "Patches"

    def ready(self) -> None:
        from patches import receivers, transfer

        receivers.connect()
        transfer.declare()
