"""Pages of notifications."""

from django.urls import URLPattern, path

from notifications.web import devmail

urlpatterns: list[URLPattern] = [
    path("dev/mail/", devmail.mails, name="dev_mail"),
    path("dev/mail/<str:name>", devmail.mail, name="dev_mail_one"),
    path("dev/mail/<str:name>/html", devmail.mail_html, name="dev_mail_html"),
    path("dev/mail/<str:name>/file", devmail.mail_file, name="dev_mail_file"),
]
