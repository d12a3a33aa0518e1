"""Pages of notifications."""

from django.urls import URLPattern, path

from notifications.web import (
    deeds,
    devmail,
    digest,
    live,
    mail,
    mail_in,
    originals,
    outbox,
    subscriptions,
    suspended,
)


def _digest_pages(route: str, name: str, **which: str) -> list[URLPattern]:
    """The page of a digest, and what belongs to it."""
    below = route if route.endswith("/") else f"{route}/"
    return [
        path(route, digest.digest, which, name=name),
        path(f"{below}mail.html", digest.digest_html, which, name=f"{name}-html"),
        path(f"{below}mail.txt", digest.digest_text, which, name=f"{name}-text"),
        path(f"{below}send", digest.send_now, which, name=f"{name}-send"),
    ]


urlpatterns: list[URLPattern] = [
    path("<int:number>/live", live.live, name="live"),
    path("patches/<int:patch>/live", live.live_patch, name="patch-live"),
    path("my/subscriptions/", subscriptions.subscriptions, name="subscriptions"),
    path("my/subscriptions/choices", subscriptions.choose, name="mail-choices"),
    path("my/subscriptions/change", subscriptions.change, name="change-subscription"),
    path(
        "my/subscriptions/patches/<int:number>/unmute",
        subscriptions.unmute_patch,
        name="unmute-patch",
    ),
    *_digest_pages("my/digest/", "my-digest", kind="own"),
    *_digest_pages("my/digest/votes/", "my-votes-digest", kind="votes"),
    *_digest_pages("searches/<int:pk>/digest", "search-digest"),
    *_digest_pages(
        "products/<short_name:slug>/components/<short_name:component>/digest", "component-digest"
    ),
    path("my/digest/put-back", digest.put_back, name="put-back"),
    path("do/<str:token>/", deeds.do, name="do"),
    path("do/<str:token>/<slug:deed>/", deeds.do, name="do"),
    path("my/mail/", mail.my_mail, name="my-mail"),
    path("my/mail/held/<int:pk>", mail.held_mail, name="held-mail"),
    path("my/mail/senders/<int:pk>/forget", mail.forget_sender, name="forget-sender"),
    path("my/mail/void", mail.void_replies, name="void-replies"),
    path("mail/confirm/<str:secret>/", mail.confirm, name="mail-confirm"),
    path("mail/help", originals.mail_help, name="mail-help"),
    path("mail/original/<int:pk>/", originals.original, name="mail-original"),
    path("mail/original/<int:pk>/message.eml", originals.raw, name="mail-original-raw"),
    path("unsubscribe/<str:token>/", subscriptions.unsubscribe, name="unsubscribe"),
    path("outbox/", outbox.page_of_messages, name="outbox"),
    path("outbox/<int:pk>/send", outbox.send_again, name="send-again"),
    path("outbox/send-failed", outbox.send_all_again, name="send-failed-again"),
    path("outbox/pace", outbox.pace, name="set-pace"),
    path("outbox/let-go", outbox.let_go, name="let-domain-go"),
    path("mail-in/", mail_in.page_of_mails, name="mail-in"),
    path("mail-in/<int:pk>/raw", mail_in.raw, name="mail-in-raw"),
    path("mail-in/<int:pk>/read", mail_in.read_again, name="mail-in-again"),
    path("mail-in/lift", mail_in.lift, name="lift-suspension"),
    path("my/mail/suspended/", suspended.suspended, name="mail-suspended"),
    path("mail/works/<str:token>/", suspended.works, name="mail-works"),
    path("dev/mail/", devmail.mails, name="dev_mail"),
    path("dev/mail/<str:name>", devmail.mail, name="dev_mail_one"),
    path("dev/mail/<str:name>/html", devmail.mail_html, name="dev_mail_html"),
    path("dev/mail/<str:name>/file", devmail.mail_file, name="dev_mail_file"),
]
