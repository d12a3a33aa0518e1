"""What each word and qualifier finds, and in which order, on the database of the run."""

from __future__ import annotations

import itertools

import pytest
from django.http import QueryDict

from tests.problems import make_problem, make_product
from tests.search.world import make_world
from tracker.changes import ProblemChange
from tracker.drafts import DraftErrors
from tracker.models import Door, Problem
from tracker.services import change, comment
from tracker.text_index.services import count_frequencies
from votes.listing import ListQuery, count_up_to, find, page, parse_query, parse_text

# Search -> names of what a visitor finds, by number.
VISITOR = {
    "": "fault cafe cjk",
    "is:any": "fault cafe cjk solved twin",
    # words
    "crashes": "fault cafe",
    "page fault": "fault cafe",
    '"page fault"': "fault",
    '"PAGE   fault"': "fault",
    '"fault of the page"': "cafe",
    '"age fault"': "",
    "crash -channel": "cafe",
    'crash -"page fault"': "cafe",
    "-crash": "cjk",
    "channel": "fault",
    "nsHttpChannel::OnStop": "fault",
    "cafe": "cafe",
    "CAFÉ": "cafe",
    '"cafe au lait"': "cafe",
    '"café au"': "cafe",
    '"grosse"': "cafe",
    "grosse strasse": "cafe",
    "größe strasse": "cafe",
    '"strasse und grosse"': "cafe",
    '"STRASSE UND GROESSE"': "",
    '"strasse und größe"': "cafe",
    "内存": "cjk",
    "泄漏": "cjk",
    '"存泄"': "cjk",
    "内存 连接": "cjk",
    "内漏": "",
    "read_ahead": "cjk",
    "14.3-RELEASE": "cjk",
    "workaround": "fault",
    "workarounds acpi": "fault",
    "in:synopsis crash": "",
    "in:synopsis faults": "fault",
    'in:synopsis "page fault"': "fault",
    'in:synopsis "fault of"': "",
    "in:comments boot": "fault",
    "in:comments lid": "",
    "in:synopsis,comments lid": "fault",
    "in:synopsis happy is:any": "solved",
    "the": "",
    "the crash": "fault cafe",
    "-the crash": "fault cafe",
    "zebra": "",
    # states
    "is:open": "fault cafe cjk",
    "-is:open": "solved twin",
    "is:closed": "solved twin",
    "is:closed,open": "fault cafe cjk solved twin",
    "is:duplicate": "twin",
    "is:confidential": "",
    "is:stale": "cjk",
    "-is:stale": "fault cafe",
    "is:unassigned": "fault cjk",
    "state:new,closed": "fault cjk solved twin",
    "state:in-progress": "cafe",
    'state:"in progress" product:base': "cafe",
    "-state:new": "cafe solved twin",
    "-state:any": "",
    "resolution:fixed": "solved",
    "resolution:fixed,duplicate": "solved twin",
    "-resolution:fixed": "fault cafe cjk twin",
    # what and where
    "kind:enhancement": "cafe",
    "severity:critical,minor": "fault cjk",
    "severity:critical severity:minor": "",
    "product:ports": "cjk",
    "product:base,ports": "fault cafe cjk",
    "component:net": "cafe cjk",
    "component:base/net": "cafe",
    "product:base component:net": "cafe",
    "-component:net": "fault",
    "product:base product:ports component:net": "",
    "product:base,ports component:net": "cafe cjk",
    "product:base component:net,kernel -product:ports": "fault cafe",
    "release:14.3": "fault",
    "-release:14.3": "cafe cjk",
    "affects:15.0 product:base": "fault",
    "affects:14.2 product:base": "",
    "fixed:15.0": "",
    "arch:ARM64": "fault",
    # people
    "author:rita": "fault cjk",
    "author:RITA,sam": "fault cafe cjk",
    "author:nobody-here": "",
    "-author:rita": "cafe",
    "assignee:sam": "cafe",
    "assignee:@sam": "cafe",
    "-assignee:sam": "fault cjk",
    "assignee:none": "fault cjk",
    "assignee:me": "",
    "commenter:sam": "fault",
    "voted:me": "",
    # what it has
    "has:patch": "fault",
    "no:patch": "cafe cjk",
    "patch:unreviewed": "fault",
    "patch:waiting,integrated": "fault",
    "-patch:waiting": "cafe cjk",
    "patch:author,committer,reviewed,declined,withdrawn,forgotten": "",
    "has:attachment": "fault cafe",
    "has:attachments -has:patch": "cafe",
    "has:comment": "fault",
    "no:comment": "cafe cjk",
    "has:duplicate": "fault",
    "no:duplicate,comment": "cafe cjk",
    "no:assignee": "fault cjk",
    "no:release": "cafe cjk",
    "no:vote": "",
    # times and numbers
    "created:<30d": "fault cafe",
    "created:>1y": "cjk",
    "-created:>1y": "fault cafe",
    "updated:2y..1y": "cjk",
    "closed:<1d": "solved twin",
    "-closed:<1d": "fault cafe cjk",
    "votes:>2": "fault",
    "votes:1..2": "cafe cjk",
}
FOR_RITA = {
    "": "fault cafe cjk secret",
    "author:me": "fault cjk secret",
    "zebra": "secret",
    "is:confidential": "secret",
    "commenter:me": "secret",
    "okapi": "secret",
    "voted:me -is:public": "secret",
    "-is:confidential voted:me": "fault cjk",
}


def test_each_search_finds_exactly_what_it_says(db: None) -> None:
    world = make_world()
    for _ in range(2):
        found = {text: world.found(text) for text in VISITOR}
        assert found == VISITOR
        assert {text: world.found(text, world.rita) for text in FOR_RITA} == FOR_RITA
        # Again with how common the words are known, which changes the way, not the answer.
        count_frequencies()
    assert world.found("voted:me", world.sam) == "fault cafe"
    assert world.found("voted:me is:any", world.sam) == "fault cafe solved twin"


def test_common_words_are_found_on_the_other_way_that_the_index_has(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()
    count_frequencies()
    monkeypatch.setattr("votes.search.text.COMMON", 0)
    assert {text: world.found(text) for text in VISITOR} == VISITOR


def test_a_number_among_the_words_finds_the_problem_and_the_text(db: None) -> None:
    world = make_world()
    fault, cafe = world.problems["fault"], world.problems["cafe"]
    comment(cafe, world.sam, f"Is this {fault.pk}?", Door.WEB)
    assert world.found(f"{fault.pk}") == "fault cafe"
    assert world.found(f"#{fault.pk}") == "fault cafe"
    assert world.order(f"{fault.pk}") == "fault cafe"
    assert world.found(f"{fault.pk} lid") == "fault"
    assert world.found(f"{fault.pk} zebra") == ""
    assert world.found(f"number:{fault.pk},{cafe.pk}") == "fault cafe"
    assert world.found(f"number:>{cafe.pk}") == "cjk solved twin"
    assert world.found(f'"{fault.pk}"') == "cafe"
    assert world.found("99999999999999999999999") == ""


def test_the_best_match_comes_first_and_heat_is_an_order_of_its_own(db: None) -> None:
    base = make_product("base")
    long = "Nothing else to see in this text. " * 20
    rare = make_problem(base, synopsis="Gadget quirk", description=long)
    once = make_problem(base, synopsis="Another thing", description=f"{long} gadget {long}")
    far = make_problem(base, synopsis="Third thing", description=long)
    comment(far, far.reporter, "The gadget again.", Door.WEB)  # type: ignore[arg-type]
    Problem.objects.filter(pk=far.pk).update(heat=9e9)
    count_frequencies()
    query = parse_text("gadget")
    assert query.sort == "match"
    assert [p.pk for p in page(find(query, None), query).problems] == [rare.pk, once.pk, far.pk]
    hot = parse_text("gadget sort:heat")
    assert page(find(hot, None), hot).problems[0] == far
    assert parse_text("is:open").sort == "heat"
    assert parse_text("is:open sort:match").sort == "heat"
    oldest = parse_text("gadget sort:oldest")
    numbers = [p.pk for p in page(find(oldest, None), oldest).problems]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("sort", ["match", "oldest"])
def test_pages_of_a_search_show_each_problem_once_and_lead_back(db: None, sort: str) -> None:
    base = make_product("base")
    for i in range(7):
        make_problem(base, synopsis="Gadget fails", description="It." + " gadget" * (i % 3))
    count_frequencies()
    whole = parse_text(f"gadget sort:{sort}")
    expected = [p.pk for p in page(find(whole, None), whole).problems]
    pages, cursor = [], ""
    while True:
        query = ListQuery(q="gadget", sort=sort, cursor=cursor, limit=3)
        shown = page(find(query, None), query)
        pages.append([p.pk for p in shown.problems])
        if not shown.next_cursor:
            break
        cursor = shown.next_cursor
    assert list(itertools.chain(*pages)) == expected
    back = ListQuery(q="gadget", sort=sort, cursor=shown.previous_cursor, limit=3)
    assert [p.pk for p in page(find(back, None), back).problems] == pages[-2]


def test_a_changed_text_is_found_by_its_new_words_at_once(db: None) -> None:
    world = make_world()
    asked = ProblemChange(synopsis="Gnu instead", description="Nothing.")
    change(world.problems["cafe"], world.tom, asked, Door.WEB)
    assert world.found("gnu") == "cafe"
    assert world.found("café") == ""


def test_parameters_of_an_address_mean_what_the_qualifiers_mean(db: None) -> None:
    world = make_world()
    for address, text in (
        ("product=base&component=net&q=crash", "crash product:base component:net"),
        ("state=closed&state=new", "state:closed,new"),
        ("state=any&reporter=rita", "state:any author:rita"),
        ("assignee=none&sort=newest", "assignee:none sort:newest"),
        (
            "release=14.3&severity=critical&kind=defect",
            "kind:defect severity:critical release:14.3",
        ),
    ):
        query = parse_query(QueryDict(address))
        numbers = {problem.pk for problem in find(query, None)}
        assert numbers == {problem.pk for problem in find(parse_text(text), None)}, address
        assert numbers, address
        assert {problem.pk for problem in find(parse_text(query.text), None)} == numbers
        assert parse_text(query.text).sort == query.sort
    # An address may be older than a name; a typed name that nothing bears is a mistake.
    for address in ("product=gone", "product=gone&component=net", "product=base&component=gone"):
        assert count_up_to(find(parse_query(QueryDict(address)), None)) == 0, address
    assert world.found("product:base crash") == "fault cafe"


WRONG = [
    (
        "product:bse",
        "“product:” at character 1: There is no product “bse”. Did you mean “base”",
    ),
    ("component:kernl", "There is no component “kernl”. Did you mean “kernel”?"),
    ("product:base component:docs", "Choose one of: kernel, net."),
    ("component:bas/net", "There is no product “bas”. Did you mean “base”?"),
    ("affects:15.1", "There is no release “15.1”. Did you mean “15.0”?"),
    ("state:opne", "There is no state “opne”. Did you mean “open”?"),
    ("lid kind:bug", "“kind:” at character 5: There is no kind “bug”. Choose one of:"),
    ("has:pach", "There is no “has:pach”. Did you mean “patch”?"),
    ("is:opened", "There is no “is:opened”. Did you mean “open”?"),
    ("in:title x", "There is no “in:title”."),
    ("sort:heta", "There is no sort “heta”. Did you mean “heat”?"),
    ("-sort:heat", "leave the minus before “sort” out"),
    ("created:soon", "“soon” is no time. Write a day, month or year"),
    ("votes:many", "“many” is no number."),
    ("voted:sam", "Only “voted:me” can be asked for"),
    (f'"{"a" * 201}"', "A phrase has 200 characters at the most."),
    (
        " ".join(f"-fixed:14.3,{n}" for n in range(7)),
        "Ask about 12 releases at the most; these are 14.",
    ),
]


def test_a_value_that_means_nothing_is_named_with_the_nearest(db: None) -> None:
    make_product("base", releases=("14.3", "15.0"))
    for text, said in WRONG:
        with pytest.raises(DraftErrors) as raised:
            parse_text(text)
        assert said in raised.value.errors["q"][0]
        with pytest.raises(DraftErrors):
            find(ListQuery(q=text), None)


def test_every_fault_of_a_search_is_named_up_to_five(db: None) -> None:
    with pytest.raises(DraftErrors) as raised:
        parse_text("a:b foo:x sort:y is:z state:q kind:r has:s no:t bar:x")
    assert len(raised.value.errors["q"]) == 5


def test_a_search_with_as_much_as_is_allowed_is_answered(db: None) -> None:
    make_world()
    words = " ".join(f"w{i}" for i in range(32))
    many = parse_text(f"{words} " + "-is:stale " * 20 + "no:comment,patch has:vote " * 10)
    assert count_up_to(find(many, None)) == 0
    assert page(find(many, None), many).problems == []
    dense = parse_text("内存泄漏数据库连接失败" * 3 + " " + "read_ahead " * 25)
    assert count_up_to(find(dense, None)) == 0
    assert page(find(dense, None), dense).problems == []
    runs = ("".join(chr(0x4E00 + 40 * j + i) for i in range(39)) for j in range(3))
    with pytest.raises(DraftErrors, match="These words have 114 parts; search for 80 at the most"):
        parse_text(" ".join(runs))
    values = parse_text("author:" + ",".join(f"p{i}" for i in range(50)))
    assert count_up_to(find(values, None)) == 0
    phrase = parse_text('"' + "page " * 39 + 'fault"')
    assert count_up_to(find(phrase, None)) == 0
