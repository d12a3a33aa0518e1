"""Pages of votes, and the lists that votes order."""

from django.urls import URLPattern, path, re_path

from votes.web import feeds, lists

urlpatterns: list[URLPattern] = [
    path("", lists.home, name="home"),
    path("problems/", lists.problems, name="problems"),
    path("problems.atom", feeds.problems, name="problems_feed"),
    path("products/", lists.products, name="products"),
    re_path(r"^products/(?P<slug>[a-z0-9._+-]{1,50})/$", lists.product, name="product"),
]
