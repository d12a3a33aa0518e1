"""Who is asked about a patch: exactly those who look after what it touches."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Person, Role
from accounts.policies import Denied
from notifications.models import Message
from notifications.outbox.rendering import Withheld, render
from patches import bell
from patches.intake import submitting
from patches.models import MaintainersFile, Patch, PatchEvent, Turn
from patches.owners import components_of, keeping, owners_of, requests
from tests.conftest import sign_in
from tests.patching import diff, make_patch, next_version
from tests.people import make_person
from tests.problems import make_maintainer, make_problem
from tracker.changes import ProblemChange
from tracker.drafts import DraftErrors
from tracker.models import Door, Product
from tracker.products import set_maintainers
from tracker.services import change

pytestmark = pytest.mark.django_db

TREE = "sys\tkarl\nsys/netinet\tglen\nsys/netpfil\tpia,glen\nshare/man\tgone,@doro\n"


def set_file(product: Product, text: str, file_format: str = "maintainers") -> MaintainersFile:
    by = Person.objects.filter(handle="manager").first() or make_person("manager", Role.TRIAGER)
    file = keeping.set_file(product, by, file_format=file_format, text=text)
    assert file is not None
    return file


def declare(product: Product, **paths: str) -> None:
    by = Person.objects.filter(handle="manager").first() or make_person("manager", Role.TRIAGER)
    for slug, text in paths.items():
        keeping.set_patterns(product.components.get(slug=slug), by, text)


def touching(product: Product, *paths: str, **values: Any) -> Patch:
    return make_patch(product, text=b"".join(diff(path) for path in paths), **values)


def asked(patch: Patch) -> list[str]:
    return sorted(patch.review_requests.values_list("person__handle", flat=True))


@pytest.fixture
def tree(product: Product) -> Product:
    """A product of which karl, glen, pia and doro look after parts."""
    for handle in ("karl", "glen", "pia", "doro"):
        make_person(handle)
    set_file(product, TREE)
    return product


def test_a_patch_reaches_those_who_look_after_what_it_touches_and_nobody_else(
    tree: Product, maintainer: Person, committer: Person
) -> None:
    assert asked(touching(tree, "sys/netinet/tcp.c")) == ["glen"]
    assert asked(touching(tree, "sys/netinet/tcp.c", "sys/kern/main.c")) == ["glen", "karl"]
    assert asked(touching(tree, "sys/netpfil/pf.c", "sys/netinet/ip.c")) == ["glen", "pia"]
    assert asked(touching(tree, "sys/netinet6/ip6.c")) == ["karl"]
    assert asked(touching(tree, "bin/sh/main.c")) == []


def test_an_owner_is_told_which_line_names_them(tree: Product) -> None:
    patch = touching(tree, "sys/netpfil/pf.c", "sys/netinet/ip.c")
    reasons = dict(patch.review_requests.values_list("person__handle", "reason"))
    assert reasons == {
        "glen": "Named for sys/netinet (line 2); named for sys/netpfil (line 3).",
        "pia": "Named for sys/netpfil (line 3).",
    }
    events = patch.events.filter(kind=PatchEvent.Kind.ASKED)
    assert sorted(e.person.handle for e in events if e.person) == ["glen", "pia"]
    assert {(event.actor, event.door) for event in events} == {(None, Door.SYSTEM)}
    assert patch.events.earliest("id").kind == PatchEvent.Kind.SUBMITTED


def test_a_new_version_asks_those_of_new_paths_and_nobody_twice(tree: Product) -> None:
    patch = touching(tree, "sys/netinet/tcp.c")
    next_version(patch, diff("sys/netinet/tcp.c") + diff("share/man/tcp.4"))
    assert asked(patch) == ["doro", "glen"]
    next_version(patch, diff("sys/netinet/tcp.c"))
    assert asked(patch) == ["glen"], "doro looks after nothing of it now"
    assert patch.events.filter(kind=PatchEvent.Kind.ASKED).count() == 2


def test_who_is_named_no_more_is_released_unless_there_is_more_to_it(
    tree: Product, client: Client
) -> None:
    cleo, zoe = make_person("cleo", Role.COMMITTER), make_person("zoe")
    everybody = [Person.objects.get(handle=h) for h in ("karl", "glen", "pia", "doro")]
    karl, glen, pia, doro = everybody
    set_file(tree, "sys\tkarl,glen,pia,doro\n")
    patch, alone = touching(tree, "sys/a.c"), touching(tree, "sys/b.c")
    requests.claim(patch, karl, Door.WEB)
    requests.ask(patch, cleo, glen, Door.WEB)
    requests.ask(patch, cleo, zoe, Door.WEB)
    assert requests.decline(patch, pia, Door.WEB) == patch.review_requests.get(person=karl)
    declined = requests.decline(alone, pia, Door.WEB)
    assert declined is not None
    (mail,) = Message.objects.filter(person=glen, patch=alone)
    set_file(tree, "sys\tcleo\n")
    for _ in range(2):
        requests.ask_anew(60, tree.pk)
    assert asked(patch) == ["cleo", "glen", "karl", "pia", "zoe"]
    assert (asked(alone), declined.person) == (["cleo", "doro", "pia"], doro)
    (event,) = alone.events.filter(kind=PatchEvent.Kind.CHANGED)
    (change,) = event.data["changes"]
    assert change == {"field": "asked", "old": ["glen", "karl"], "new": []}
    assert "glen, karl" in client.get(f"/patches/{alone.pk}/").content.decode()
    with pytest.raises(Withheld):
        render(mail)


def test_who_is_named_later_is_asked_once_about_what_waits_and_mailed_a_little(
    tree: Product,
) -> None:
    waiting = [touching(tree, "sys/netinet/tcp.c") for _ in range(5)]
    objected = touching(tree, "sys/netinet/ip.c")
    Patch.objects.filter(pk=objected.pk).update(turn=Turn.AUTHOR)
    set_file(tree, "sys/netinet\tpia\n")
    assert requests.ask_anew(0, tree.pk) == waiting[0].pk, "in slices"
    for _ in range(2):
        assert requests.ask_anew(60, tree.pk) is None
    assert {*map(str, map(asked, waiting))} == {"['pia']"}
    assert asked(objected) == ["glen"]
    pia = Person.objects.get(handle="pia")
    assert PatchEvent.objects.filter(kind=PatchEvent.Kind.ASKED, person=pia).count() == 5
    assert Message.objects.filter(person=pia).count() == requests.MAILED_AT_ONCE


def test_whatever_makes_others_the_owners_has_them_asked(
    tree: Product, django_capture_on_commit_callbacks: Any
) -> None:
    net = tree.components.get(slug="net")
    with django_capture_on_commit_callbacks() as callbacks:
        set_file(tree, TREE)
        declare(tree, net="/sys/net/")
        set_maintainers(net, [Person.objects.get(handle="pia")], None)
        set_maintainers(net, [Person.objects.get(handle="pia")], None)
    rung = [each.args for each in callbacks if getattr(each, "func", None) is bell._ring]
    assert rung == [("ask_anew", [tree.pk])] * 3


def test_authors_closed_accounts_and_programs_are_not_asked(tree: Product) -> None:
    glen, pia = Person.objects.get(handle="glen"), Person.objects.get(handle="pia")
    assert asked(touching(tree, "sys/netinet/a.c", author=glen)) == []
    Person.objects.filter(pk=pia.pk).update(is_active=False)
    assert asked(touching(tree, "sys/netpfil/a.c")) == ["glen"]
    make_person("builder", Role.MACHINE)
    make_person("late", email_confirmed_at=None)
    set_file(tree, "sys\tbuilder,late,karl\n")
    assert asked(touching(tree, "sys/a.c")) == ["karl"]


def test_who_may_not_know_of_a_patch_is_not_asked_until_they_may(
    tree: Product, django_capture_on_commit_callbacks: Any
) -> None:
    cleo = make_person("cleo", Role.COMMITTER)
    set_file(tree, "sys\tglen,cleo\n")
    reporter = make_person()
    secret = make_problem(tree, reporter, is_confidential=True)
    patch = touching(tree, "sys/a.c", author=reporter, fixes=[secret])
    assert asked(patch) == ["cleo"]
    with django_capture_on_commit_callbacks(execute=True):
        change(secret, reporter, ProblemChange(is_confidential=False), Door.WEB)
    assert asked(patch) == ["cleo", "glen"]
    confidential = touching(tree, "sys/a.c", is_confidential=True)
    assert asked(confidential) == ["cleo"]
    submitting.edit(confidential, cleo, Door.WEB, is_confidential=False)
    assert asked(confidential) == ["cleo", "glen"]


def test_what_nobody_looks_after_goes_to_those_who_maintain_what_it_fixes(
    tree: Product, maintainer: Person
) -> None:
    problem = make_problem(tree, component="kernel")
    patch = touching(tree, "bin/sh/main.c", fixes=[problem])
    assert asked(patch) == ["mara"]
    (request,) = patch.review_requests.all()
    assert request.reason == "Maintains kernel, of which it fixes a problem."
    assert asked(touching(tree, "bin/sh/a.c", "sys/netinet/a.c", fixes=[problem])) == ["glen"]
    later = touching(tree, "bin/sh/b.c")
    assert later.author is not None
    submitting.edit(later, later.author, Door.WEB, fixes=[problem])
    assert asked(later) == ["mara"]


def test_the_file_decides_before_components_and_components_where_it_names_nobody(
    product: Product,
) -> None:
    kernel, net = product.components.order_by("slug")
    make_maintainer(kernel, "mara")
    make_maintainer(net, "nils")
    make_person("glen")
    declare(product, kernel="/sys/\n*.S\n", net="/sys/netinet/\n")
    assert asked(touching(product, "sys/netinet/a.c")) == ["nils"]
    assert asked(touching(product, "sys/kern/a.c")) == ["mara"]
    text = "/sys/netinet/ @glen\n/sys/netinet/old/ @unknown\n/sys/gone/\n"
    set_file(product, text, "codeowners")
    assert asked(touching(product, "sys/netinet/a.c")) == ["glen"]
    assert asked(touching(product, "sys/netinet/old/a.c")) == ["nils"]
    assert asked(touching(product, "sys/gone/a.c")) == []
    assert asked(touching(product, "lib/a.S", "sys/netinet/a.c")) == ["glen", "mara"]


def test_a_path_belongs_to_the_component_that_declares_most_of_it(product: Product) -> None:
    declare(product, kernel="/sys/\n/share/\n", net="/sys/net*/\n/share/\n")

    def components(*paths: str) -> list[str]:
        return [component.slug for component in components_of(product, paths)]

    assert components("sys/kern/a.c") == ["kernel"]
    assert components("sys/netinet/a.c") == ["net"]
    assert components("sys/netinet/a.c", "sys/a.c") == ["kernel", "net"]
    assert components("share/a") == ["kernel", "net"]
    assert components("bin/a") == []
    product.components.filter(slug="net").update(is_active=False)
    assert components("sys/netinet/a.c") == ["kernel"]


def test_names_are_people_by_handle_in_any_case_or_by_confirmed_address(product: Product) -> None:
    make_person("Glen", email="glen@mail.example.org")
    make_person("new", email="new@example.org", email_confirmed_at=None)
    file = set_file(
        product,
        "/a @GLEN\n/b GLEN@mail.example.org\n/c new@example.org @nobody @suite/net\n!d\n",
        "codeowners",
    )
    assert [o.person.handle for o in owners_of(product, ["a", "b", "c"])] == ["Glen"]
    assert [str(fault) for fault in keeping.faults_of(file)] == [
        "line 3: “@suite/net” is a team, which is not known here; name its people",
        "line 3: nobody here has the confirmed address “new@example.org”",
        "line 3: nobody here is called “nobody”",
        "line 4: “!d” takes something out again, which this format cannot",
    ]


@pytest.mark.parametrize("count", [1, 30, 300])
def test_finding_owners_takes_as_many_queries_for_many_files_as_for_one(
    product: Product, count: int, django_assert_num_queries: Any
) -> None:
    make_person("glen")
    set_file(product, "\n".join(f"/d{n}/ @glen @p{n}" for n in range(count)), "codeowners")
    declare(product, kernel="\n".join(f"/e{n}/" for n in range(count)))
    make_maintainer(product.components.get(slug="kernel"), "mara")
    paths = [f"{folder}{n}/a.c" for n in range(count) for folder in "de"]
    with django_assert_num_queries(6):
        assert [owner.person.handle for owner in owners_of(product, paths)] == ["glen", "mara"]


def test_only_who_manages_changes_what_a_product_says(product: Product, outsider: Person) -> None:
    kernel = product.components.get(slug="kernel")
    with pytest.raises(Denied):
        keeping.set_file(product, outsider, file_format="codeowners", text="* @otto")
    with pytest.raises(Denied):
        keeping.set_patterns(kernel, outsider, "*")
    with pytest.raises(DraftErrors) as raised:
        declare(product, kernel="/sys/\n!/lib/\n\n[x]\n")
    assert [sentence[:6] for sentence in raised.value.errors["paths"]] == ["Line 2", "Line 4"]
    assert keeping.patterns_of(kernel) == []
    declare(product, kernel="# ours\n/sys/\n/lib/\n")
    declare(product, kernel="/lib/\n/bin/\n")
    assert keeping.patterns_of(kernel) == ["/lib/", "/bin/"]


# The page


def test_everybody_reads_the_page_and_faults_are_for_who_manages(
    client: Client, product: Product, outsider: Person, triager: Person
) -> None:
    make_person("glen", email="glen@private.example.org")
    set_file(product, "/a/ glen@private.example.org @nobody\n/b/\n", "codeowners")
    address = "/products/base/maintainers"
    tried = client.get(address, {"path": "/a/x.c"}).content.decode()
    assert "Named for /a/ (line 1)." in tried
    assert "/people/glen" in tried
    assert "glen@private" not in tried
    assert "nobody here is called" not in tried
    assert "wants nobody asked" in client.get(address, {"path": "b/x.c"}).content.decode()
    assert "Nobody looks after" in client.get(address, {"path": "x.c"}).content.decode()
    managed = sign_in(client, triager).get(address).content.decode()
    assert '<a href="#line-1">line 1</a>: nobody here is called “nobody”' in managed


def test_the_page_saves_the_file_for_who_may(
    client: Client, product: Product, outsider: Person, triager: Person
) -> None:
    address = "/products/base/maintainers"
    words = {"format": "codeowners", "text": "* @tom\r\n"}
    assert client.post(address, words).status_code == 302
    assert sign_in(client, outsider).post(address, words).status_code == 403
    assert not MaintainersFile.objects.exists()
    assert sign_in(client, triager).post(address, words | {"format": "x"}).status_code == 400
    assert client.post(address, words).status_code == 302
    assert MaintainersFile.objects.get(product=product).text == "* @tom"
    assert client.post(address, words | {"text": ""}).status_code == 302
    assert not MaintainersFile.objects.exists()
    paths = "/products/base/components/net/paths"
    assert client.post(paths, {"paths": "[x]"}).status_code == 400
    assert client.post(paths, {"paths": "/sys/net/\n"}).status_code == 302
    assert "/sys/net/" in client.get(paths).content.decode()
    assert sign_in(client, outsider).get(paths).status_code == 403
