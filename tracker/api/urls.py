"""Addresses of the tracker below /api/v1/."""

from django.urls import URLPattern, path

from tracker.api import conversation, errors, products, server  # noqa: F401 - errors registers itself

urlpatterns: list[URLPattern] = [
    path("", server.IndexView.as_view(), name="api_index"),
    path("server/", server.ServerView.as_view(), name="api_server"),
    path("products/", products.ProductsView.as_view(), name="api_products"),
    path("products/<str:slug>/", products.ProductView.as_view(), name="api_product"),
    path(
        "problems/<int:number>/comments/",
        conversation.CommentsView.as_view(),
        name="api_comments",
    ),
    path(
        "problems/<int:number>/attachments/",
        conversation.AttachmentsView.as_view(),
        name="api_attachments",
    ),
    path(
        "problems/<int:number>/attachments/<int:attachment_id>/",
        conversation.AttachmentView.as_view(),
        name="api_attachment",
    ),
    path("problems/<int:number>/history/", conversation.HistoryView.as_view(), name="api_history"),
]
