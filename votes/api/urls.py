"""Addresses of problems and votes below /api/v1/."""

from django.urls import URLPattern, path

from votes.api import bulk, my, problems, releases, searches, triage, votes

urlpatterns: list[URLPattern] = [
    path("problems/", problems.ProblemsView.as_view(), name="api_problems"),
    path("problems/similar/", problems.SimilarView.as_view(), name="api_similar"),
    path("searches/", searches.SearchesView.as_view(), name="api_searches"),
    path("searches/<int:pk>/", searches.SearchView.as_view(), name="api_search"),
    path("triage/", triage.QueueView.as_view(), name="api_triage"),
    path("triage/<int:number>/", triage.TriageView.as_view(), name="api_triage_problem"),
    path("bulk-changes/", bulk.BulkChangesView.as_view(), name="api_bulk_changes"),
    path("bulk-changes/preview/", bulk.PreviewView.as_view(), name="api_bulk_preview"),
    path("bulk-changes/<int:pk>/", bulk.BulkChangeView.as_view(), name="api_bulk_change"),
    path("bulk-changes/<int:pk>/undo/", bulk.UndoView.as_view(), name="api_bulk_undo"),
    path("my/", my.MyView.as_view(), name="api_my"),
    path("my/seen/", my.MySeenView.as_view(), name="api_my_seen"),
    path("problems/<int:number>/", problems.ProblemView.as_view(), name="api_problem"),
    path("problems/<int:number>/vote/", votes.VoteView.as_view(), name="api_vote"),
    path("problems/<int:number>/no-longer/", releases.NoLongerView.as_view(), name="api_no_longer"),
    path("problems/<int:number>/releases/", releases.ReleasesView.as_view(), name="api_releases"),
]
