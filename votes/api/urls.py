"""Addresses of problems and votes below /api/v1/."""

from django.urls import URLPattern, path

from votes.api import my, problems, releases, searches, votes

urlpatterns: list[URLPattern] = [
    path("problems/", problems.ProblemsView.as_view(), name="api_problems"),
    path("problems/similar/", problems.SimilarView.as_view(), name="api_similar"),
    path("searches/", searches.SearchesView.as_view(), name="api_searches"),
    path("searches/<int:pk>/", searches.SearchView.as_view(), name="api_search"),
    path("my/", my.MyView.as_view(), name="api_my"),
    path("my/seen/", my.MySeenView.as_view(), name="api_my_seen"),
    path("problems/<int:number>/", problems.ProblemView.as_view(), name="api_problem"),
    path("problems/<int:number>/vote/", votes.VoteView.as_view(), name="api_vote"),
    path("problems/<int:number>/no-longer/", releases.NoLongerView.as_view(), name="api_no_longer"),
    path("problems/<int:number>/releases/", releases.ReleasesView.as_view(), name="api_releases"),
]
