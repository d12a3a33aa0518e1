"""A patch as text: the addresses, the headers, and that no browser runs what is in it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Person
from tests.patching import diff, make_patch, next_version
from tracker.models import Product

pytestmark = pytest.mark.django_db


def test_the_newest_version_and_each_one_are_there_as_text(
    client: Client, product: Product, outsider: Person
) -> None:
    first, second = diff(new="<script>alert(1)</script>"), diff()
    patch = make_patch(product, outsider, text=first)
    next_version(patch, second)
    one = client.get(f"/patches/{patch.pk}/1.patch")
    assert one.content.endswith(first)
    latest = client.get(f"/patches/{patch.pk}.patch")
    assert latest.content == client.get(f"/patches/{patch.pk}/2.patch").content
    assert latest.content.endswith(second)
    mbox = client.get(f"/patches/{patch.pk}/1.mbox")
    assert mbox.content.startswith(b"From ")
    for answer, name in ((one, "v1.patch"), (mbox, "v1.mbox")):
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        named = f'inline; filename="patch-{patch.pk}-{name}"'
        assert answer.headers["Content-Disposition"] == named


def test_what_is_known_already_is_not_sent_again(client: Client, product: Product) -> None:
    patch = make_patch(product)
    address = f"/patches/{patch.pk}.patch"
    etag = client.get(address).headers["ETag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = client.get(address, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
    next_version(patch)
    assert client.get(address, headers={"if-none-match": etag}).status_code == 200
