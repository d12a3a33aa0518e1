"""Addresses of the triage desk and of changes to many problems."""

from django.urls import URLPattern, path

from votes.web import bulk, triage

urlpatterns: list[URLPattern] = [
    path("triage/", triage.desk, name="triage"),
    path("triage/undo", triage.undo, name="triage-undo"),
    path("triage/<int:number>", triage.act, name="triage-act"),
    path("triage/bulk/", bulk.choose, name="bulk"),
    path("triage/bulk/apply", bulk.apply, name="bulk-apply"),
    path("triage/changes/<int:pk>/", bulk.change, name="bulk-change"),
]
