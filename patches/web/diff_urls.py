"""Addresses of the diff of a version, and of what is said on its lines."""

from django.urls import URLPattern, path

from patches.web import diff, diff_talk

urlpatterns: list[URLPattern] = [
    path("patches/<int:patch>/<int:version>/", diff.diff, name="patch-diff"),
    path("patches/<int:patch>/<int:version>/line", diff.whole_line, name="patch-line"),
    path("patches/<int:patch>/<int:version>/comment", diff_talk.comment, name="patch-line-comment"),
    path(
        "patches/<int:patch>/<int:version>/threads/<int:thread>/answer",
        diff_talk.answer,
        name="patch-thread-answer",
    ),
    path(
        "patches/<int:patch>/<int:version>/threads/<int:thread>/resolve",
        diff_talk.resolve,
        name="patch-thread-resolve",
    ),
    path(
        "patches/<int:patch>/<int:version>/line-comments/<int:comment>/edit",
        diff_talk.edit,
        name="patch-line-comment-edit",
    ),
    path(
        "patches/<int:patch>/<int:version>/line-comments/<int:comment>/remove",
        diff_talk.remove,
        name="patch-line-comment-remove",
    ),
    path(
        "patches/<int:patch>/<int:version>/apply", diff_talk.apply, name="patch-apply-suggestions"
    ),
]
