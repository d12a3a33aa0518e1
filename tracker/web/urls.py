"""Pages of tracker: comments, files, history, changes, and the management of products."""

from django.urls import URLPattern, path

from tracker.web import (
    clocks,
    comments,
    converters,  # noqa: F401 - registers them
    edit,
    history,
    people,
    products,
    versions,
)

urlpatterns: list[URLPattern] = [
    path("people/<handle:handle>", people.person, name="person"),
    path("<int:number>/edit", edit.edit, name="problem-edit"),
    path("<int:number>/comment", comments.add_comment, name="comment"),
    path("<int:number>/attach", comments.attach, name="attach"),
    path("<int:number>/attachments/<int:pk>/<str:name>", comments.attachment, name="attachment"),
    path("<int:number>/releases", versions.mark, name="mark-releases"),
    path("<int:number>/history", history.history, name="history"),
    path("markdown/preview", comments.preview, name="markdown-preview"),
    path("products/new", products.new_product, name="product-new"),
    path("products/<short_name:slug>/edit", products.edit_product, name="product-edit"),
    path("products/<short_name:slug>/clocks", clocks.clocks, name="product-clocks"),
    path("products/<short_name:slug>/components/new", products.new_component, name="component-new"),
    path(
        "products/<short_name:slug>/components/<short_name:component>/edit",
        products.edit_component,
        name="component-edit",
    ),
    path("products/<short_name:slug>/releases/new", products.new_release, name="release-new"),
    path(
        "products/<short_name:slug>/releases/<int:pk>/edit",
        products.edit_release,
        name="release-edit",
    ),
]
