from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        from accounts import receivers
        from accounts.transfer import tables

        receivers.connect()
        tables.declare()
