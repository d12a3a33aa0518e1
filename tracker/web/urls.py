"""Pages of tracker: comments, files, history, changes, and the management of products."""

from django.urls import URLPattern, path

from tracker.web import comments, edit, history, people

urlpatterns: list[URLPattern] = [
    path("people/<str:handle>", people.person, name="person"),
    path("<int:number>/edit", edit.edit, name="problem-edit"),
    path("<int:number>/comment", comments.add_comment, name="comment"),
    path("<int:number>/attach", comments.attach, name="attach"),
    path("<int:number>/attachments/<int:pk>/<str:name>", comments.attachment, name="attachment"),
    path("<int:number>/history", history.history, name="history"),
    path("markdown/preview", comments.preview, name="markdown-preview"),
]
