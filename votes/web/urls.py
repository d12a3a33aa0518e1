"""Pages of votes, and the lists that votes order."""

from django.urls import URLPattern, path, re_path

from tracker.web import converters  # noqa: F401 - registers them
from votes.web import feeds, lists, my, no_longer, problem, releases, report, searches, vote

urlpatterns: list[URLPattern] = [
    path("", lists.home, name="home"),
    path("my/", my.my, name="my"),
    path("my/seen", my.seen, name="my-seen"),
    path("problems/", lists.problems, name="problems"),
    path("problems.atom", feeds.problems, name="problems_feed"),
    path("search/help", lists.search_help, name="search-help"),
    path("searches/", searches.searches, name="searches"),
    path("searches/new", searches.new, name="new-search"),
    path("searches/<int:pk>/", searches.search, name="search"),
    path("searches/<int:pk>.atom", searches.feed, name="search_feed"),
    path("searches/<int:pk>/edit", searches.edit, name="edit-search"),
    path("searches/<int:pk>/delete", searches.delete, name="delete-search"),
    path("send-problem/", lists.send_problem, name="send-problem"),
    path("products/", lists.products, name="products"),
    re_path(r"^products/(?P<slug>[a-z0-9._+-]{1,50})/$", lists.product, name="product"),
    re_path(
        r"^products/(?P<slug>[a-z0-9._+-]{1,50})/releases/(?P<release>[^\n]{1,50})/$",
        releases.page,
        name="release",
    ),
    path("problems/new", report.new, name="report"),
    path("problems/new/choices", report.choices, name="report-choices"),
    path("problems/similar", report.similar, name="similar"),
    path("<int:number>", problem.problem, name="problem"),
    path("<int:number>/news", problem.news, name="news"),
    path("<int:number>/why", problem.why, name="why"),
    path("<int:number>/voters", problem.voters_list, name="voters"),
    path("<int:number>/voters/<handle:handle>/<str:judgement>", vote.judge, name="judge"),
    path("<int:number>/vote", vote.vote, name="vote"),
    path("<int:number>/vote/withdraw", vote.withdraw, name="vote-withdraw"),
    path("<int:number>/no-longer", no_longer.no_longer, name="no-longer"),
    path("<int:number>/no-longer/withdraw", no_longer.take_back, name="no-longer-withdraw"),
]
