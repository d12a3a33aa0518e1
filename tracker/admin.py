"""Django's admin for tracker: to look into rows only, as in `accounts.admin`."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import LookOnly
from tracker.models import Attachment, Comment, Component, Event, Problem, Product, Release


@admin.register(Product)
class ProductAdmin(LookOnly):
    list_display = ("slug", "title")
    search_fields = ("slug", "title")


@admin.register(Component)
class ComponentAdmin(LookOnly):
    list_display = ("slug", "title", "product")
    list_filter = ("product",)
    list_select_related = ("product",)


@admin.register(Release)
class ReleaseAdmin(LookOnly):
    list_display = ("name", "product")
    list_filter = ("product",)
    list_select_related = ("product",)


@admin.register(Problem)
class ProblemAdmin(LookOnly):
    list_display = ("number", "synopsis", "product", "component", "state", "people")
    list_filter = ("state", "product", "is_confidential")
    list_select_related = ("product", "component")
    search_fields = ("=number", "synopsis")
    ordering = ("-number",)


@admin.register(Comment)
class CommentAdmin(LookOnly):
    list_display = ("id", "problem", "author", "created_at")
    list_select_related = ("problem", "author")


@admin.register(Attachment)
class AttachmentAdmin(LookOnly):
    list_display = ("id", "problem", "name", "size", "created_at")
    list_select_related = ("problem",)


@admin.register(Event)
class EventAdmin(LookOnly):
    list_display = ("id", "at", "kind", "problem", "actor", "door")
    list_filter = ("kind", "door")
    list_select_related = ("problem", "actor")
