"""Pages of notifications."""

from django.urls import URLPattern, path

from notifications.web import devmail, digest, live, mail, outbox, subscriptions

urlpatterns: list[URLPattern] = [
    path("<int:number>/live", live.live, name="live"),
    path("my/subscriptions/", subscriptions.subscriptions, name="subscriptions"),
    path("my/subscriptions/change", subscriptions.change, name="change-subscription"),
    path("my/digest/", digest.digest, name="my-digest"),
    path("my/digest/mail.html", digest.digest_html, name="my-digest-html"),
    path("my/digest/mail.txt", digest.digest_text, name="my-digest-text"),
    path("searches/<int:pk>/digest", digest.search_digest, name="search-digest"),
    path("my/mail/", mail.my_mail, name="my-mail"),
    path("my/mail/held/<int:pk>", mail.held_mail, name="held-mail"),
    path("my/mail/senders/<int:pk>/forget", mail.forget_sender, name="forget-sender"),
    path("my/mail/void", mail.void_replies, name="void-replies"),
    path("mail/confirm/<str:secret>/", mail.confirm, name="mail-confirm"),
    path("unsubscribe/<str:token>/", subscriptions.unsubscribe, name="unsubscribe"),
    path("outbox/", outbox.page_of_messages, name="outbox"),
    path("outbox/<int:pk>/send", outbox.send_again, name="send-again"),
    path("dev/mail/", devmail.mails, name="dev_mail"),
    path("dev/mail/<str:name>", devmail.mail, name="dev_mail_one"),
    path("dev/mail/<str:name>/html", devmail.mail_html, name="dev_mail_html"),
    path("dev/mail/<str:name>/file", devmail.mail_file, name="dev_mail_file"),
]
