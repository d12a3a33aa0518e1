"""Reads of problems that are neither lists nor searches."""

from __future__ import annotations

from accounts.policies import Viewer
from tracker.models import Problem, Product
from tracker.policies import visible_problems


def with_origin(viewer: Viewer, key: str) -> list[Problem]:
    """The problems that had this key in the trackers they were imported from, as `viewer` may know.

    One for each product at the most. Two queries, along the index that keeps keys unique.
    """
    products = list(Product.objects.values_list("pk", flat=True))
    rows = visible_problems(viewer).filter(product__in=products, origin=key).exclude(origin="")
    return list(rows.select_related("product").order_by("number"))
