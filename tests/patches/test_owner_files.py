"""FreeBSD's MAINTAINERS and GitHub's CODEOWNERS: what each line covers, and which one decides."""

from __future__ import annotations

import pytest

from patches.owners import codeowners, maintainers
from patches.owners.rules import LOOSE, Rules

# A pattern, a path, and whether the one covers the other.
CODEOWNERS_TABLE = r"""
*                     a.c                          yes
*                     deep/in/the/tree.c           yes
*.js                  app.js                       yes
*.js                  src/lib/app.js               yes
*.js                  src/app.jsx                  no
*.js                  src/lib.js/readme            yes
/*.js                 app.js                       yes
/*.js                 src/app.js                   no
/build/logs/          build/logs/today.txt         yes
/build/logs/          build/logs/old/today.txt     yes
/build/logs/          web/build/logs/today.txt     no
/build/logs/          build/logs                   no
build/logs/           web/build/logs/today.txt     no
docs/*                docs/getting-started.md      yes
docs/*                docs/build/troubleshoot.md   no
docs/*                web/docs/getting-started.md  no
apps/                 apps/one.c                   yes
apps/                 deep/in/apps/sub/one.c       yes
apps/                 apps                         no
apps/                 deep/myapps/one.c            no
apps                  apps                         yes
apps                  deep/apps/sub/one.c          yes
/apps/github          apps/github                  yes
/apps/github          apps/github/one.c            yes
/apps/github          apps/github2/one.c           no
/apps/github          deep/apps/github/one.c       no
**/logs               logs/today                   yes
**/logs               build/logs/today             yes
**/logs               deeply/nested/logs           yes
**/logs/*.txt         deeply/nested/logs/a.txt     yes
**/logs/*.txt         deeply/nested/logs/b/a.txt   no
docs/**               docs/one/two.md              yes
docs/**               docs                         no
docs/**/              docs/one/two.md              yes
docs/**/              docs/two.md                  no
docs/**/api.md        docs/api.md                  yes
docs/**/api.md        docs/v1/old/api.md           yes
docs/**/api.md        docs/v1/my-api.md            no
/src/**/test/**       src/test/a.c                 yes
/src/**/test/**       src/lib/test/deep/a.c        yes
/src/**/test/**       src/lib/test                 no
src/*/main.c          src/net/main.c               yes
src/*/main.c          src/net/deep/main.c          no
src/a*z*.c            src/abz12.c                  yes
src/a*z*.c            src/ab.c                     no
te?t.c                src/test.c                   yes
te?t.c                src/tet.c                    no
te?t.c                src/te/t.c                   no
a**b                  axxb                         yes
a**b                  a/b                          no
with\ space/         with space/a.c               yes
with\ space/         with/a.c                     no
star\*.c             star*.c                      yes
star\*.c             starry.c                     no
README.md             readme.md                    no
**                    any/thing                    yes
**/**                 thing                        yes
/*                    README.md                    yes
/*                    docs/README.md               no
foo#bar               foo#bar                      yes
/été/                 été/a.c                      yes
"""

MAINTAINERS_TABLE = """
sys/netinet           sys/netinet/tcp.c            yes
sys/netinet           sys/netinet                  yes
sys/netinet           sys/netinet6/ip6.c           no
sys/netinet           contrib/sys/netinet/tcp.c    no
sys/netinet/          sys/netinet/libalias/alias.c yes
/sys/netinet          sys/netinet/tcp.c            yes
./sys/netinet         sys/netinet/tcp.c            yes
tests                 tests/sys/a.c                yes
tests                 sys/tests/a.c                no
share/mk/*.test.mk    share/mk/bsd.test.mk         yes
share/mk/*.test.mk    share/mk/bsd.mk              no
share/mk/*.test.mk    share/mk/deep/bsd.test.mk    no
sys/dev/if_[ei]*      sys/dev/if_em.c              yes
sys/dev/if_[ei]*      sys/dev/if_re.c              no
sys/dev/if_[!a-e]*    sys/dev/if_em.c              no
sys/dev/if_[!a-e]*    sys/dev/if_re.c              yes
sys/dev/if_[          sys/dev/if_[                 yes
sys/*/ipsec           sys/dev/ipsec/key.c          yes
sys/*/ipsec           sys/ipsec/key.c              no
sys/**/ipsec          sys/ipsec/key.c              yes
bin/?sh               bin/csh/csh.c                yes
bin/?sh               bin/sh/sh.c                  no
"""


def cells(table: str) -> list[tuple[str, str, bool]]:
    """Rows of a table: a pattern, behind two spaces a path, and a verdict."""
    rows = [line.rsplit(maxsplit=1) for line in table.strip().splitlines()]
    parted = [(both.split("  ", 1), verdict == "yes") for both, verdict in rows]
    return [(pattern, path.strip(), verdict) for (pattern, path), verdict in parted]


def covered(rules: Rules, path: str) -> bool:
    assert not rules.faults
    return bool(rules.closest(path))


@pytest.mark.parametrize(("pattern", "path", "is_covered"), cells(CODEOWNERS_TABLE))
def test_a_codeowners_pattern_covers(pattern: str, path: str, is_covered: bool) -> None:
    assert covered(codeowners.parse(f"{pattern} @mara"), path) is is_covered


@pytest.mark.parametrize(("pattern", "path", "is_covered"), cells(MAINTAINERS_TABLE))
def test_a_maintainers_path_covers(pattern: str, path: str, is_covered: bool) -> None:
    assert covered(maintainers.parse(f"{pattern}\tmara\tAsk first."), path) is is_covered


OWNERS = """\
# Each line is a pattern and who owns it.

*               @global docs@example.org
*.js            @js   # This is a comment.
/apps/          @apps @js
/apps/github
*.go            @suite/gophers @go
/apps/web/*.js  @web
"""


def names(rules: Rules, path: str) -> list[str]:
    return [name for rule in rules.closest(path) for name in rule.names]


def test_the_last_line_of_codeowners_that_covers_a_path_decides_alone() -> None:
    rules = codeowners.parse(OWNERS)
    assert names(rules, "README") == ["global", "docs@example.org"]
    assert names(rules, "src/a.js") == ["js"]
    assert names(rules, "apps/a.js") == ["apps", "js"]
    assert names(rules, "apps/web/a.js") == ["web"]
    assert names(rules, "apps/github/a.js") == []
    assert rules.closest("apps/github/a.js")[0].is_nobodys
    assert names(rules, "apps/main.go") == ["go"]
    assert not rules.closest("apps/main.go")[0].is_nobodys


def test_what_codeowners_cannot_say_is_told_with_its_line_and_the_rest_holds() -> None:
    lines = ["!*.c", "*.[ch]", "\\#a", "[Docs]", "^[Docs]", "/", "a//b", "../x"]
    text = "\n".join(f"{line} @mara" for line in lines)
    rules = codeowners.parse(f"{text}\n*.c mara @mara @suite/net\n")
    assert [fault.line for fault in rules.faults] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert "begins with a “#”" in str(rules.faults[2])
    assert str(rules.faults[3]) == "line 4: “[Docs]” is a section, which is not known here"
    assert "“mara” is neither" in str(rules.faults[8])
    assert "“@suite/net” is a team" in str(rules.faults[9])
    assert names(rules, "src/a.c") == ["mara"]
    assert not rules.closest("src/a.h")


TREE = """\
$FreeBSD$

Please note that the content of this file is advisory.  It is no
lock.

***
Configure notifications at:
  https://reviews.example.org/herald
***

subsystem\tlogin\tnotes
-----------------------------
ath(4)\t\tadrian\tReview requested, send to wireless@example.org
contrib/libc++\t\tdim\tReview preferred.
etc/mail\tgreg\tReview requested.  Keep in sync.
lpr\t\tgad\tReview requested, particularly for
\t\t\tlpd/recvjob.c and lpd/printjob.c.
nfs\t\tfs@example.org, rick is best for reviews.
pci bus\t\timp,jhb\tReview requested.
rescue\t\tann,
\t\tbob, carl
\t\tdora\tAsk any.
sh(1)\t\tjilles\t\tReview requested. This also applies
\t\t\t\tto kill(1).
share/mk\timp, bapt, sjg\tMake is hard.
share/mk/*.test.mk\ttesting,ngie (same list as share/mk too)\tReview.
sys/net\t\tglen
\tAnybody else may be asked as well.
sys/kpi\thans\tIf in doubt, ask.
\tzoe, joan\treview requested via
\t#x11 group, to avoid
\tany impact.
usr.sbin/pkg\tpkg@\tCoordinate with the team.
usr.sbin/pkg\terwin\tToo.
This list is prone to becoming stale.
two spaces  spacey  They do as well.
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("contrib/libc++/include/map", ["dim"]),
        ("etc/mail/Makefile", ["greg"]),
        ("lpr/lpd.c", ["gad"]),
        ("nfs/nfsd.c", ["fs@example.org", "rick"]),
        ("pci bus/pci.c", ["imp", "jhb"]),
        ("rescue/Makefile", ["ann", "bob", "carl", "dora"]),
        ("share/mk/bsd.prog.mk", ["imp", "bapt", "sjg"]),
        ("share/mk/bsd.test.mk", ["testing", "ngie"]),
        ("sys/net/if.c", ["glen"]),
        ("sys/kpi/a.c", ["hans", "zoe", "joan"]),
        ("usr.sbin/pkg/main.c", ["pkg", "erwin"]),
        ("two spaces/a.c", ["spacey"]),
        ("lock./a.c", []),
        ("ath(4)/a.c", []),
        ("This list is prone to becoming stale./a", []),
    ],
)
def test_maintainers_are_read_out_of_their_real_shape(path: str, expected: list[str]) -> None:
    assert names(maintainers.parse(TREE), path) == expected


def test_pages_of_the_manual_are_told_as_no_paths() -> None:
    assert [str(fault) for fault in maintainers.parse(TREE).faults] == [
        f"line {line}: “{name}” is a page of the manual and no path, so it covers no files"
        for line, name in [(13, "ath(4)"), (23, "sh(1)")]
    ]


def test_a_maintainers_file_without_a_head_has_lines_with_tabs_and_prose_around_them() -> None:
    text = "Who does what.  Ask them.\n\nsys/net\tglen\nlib\t!!,mara\r\n\tsam\n\n\tnobody\n"
    rules = maintainers.parse(text)
    assert [(rule.text, rule.names) for rule in rules.rules] == [
        ("sys/net", ("glen",)),
        ("lib", ("mara", "sam")),
    ]
    assert [str(fault) for fault in rules.faults] == ["line 4: “!!” is no login"]


def test_the_longest_path_decides_and_of_equal_ones_a_name_before_a_pattern() -> None:
    text = "sys\ta\nsys/dev\tb\nsys/dev/*.c\tc\nsys/dev/e.c\td\nsys/dev/e*.c\te\n**/e.c\tf\n"
    rules = maintainers.parse(text)
    assert names(rules, "sys/kern/a.c") == ["a"]
    assert names(rules, "sys/dev/a.h") == ["b"]
    assert names(rules, "sys/dev/a.c") == ["c"]
    assert names(rules, "sys/dev/e.c") == ["d"]
    assert names(rules, "sys/dev/em.c") == ["e"]
    assert names(rules, "lib/e.c") == ["f"]


def test_patterns_that_try_everything_are_bounded() -> None:
    star_after_star = codeowners.parse("*" + "a*" * 15 + "b @mara\n" + "*a*?*" * 30 + " @mara\n")
    assert [fault.line for fault in star_after_star.faults] == [2]
    assert not star_after_star.closest("/".join(["a" * 199] * 5))
    deep = codeowners.parse("\n".join(f"/{'**/a/' * n}b @mara" for n in range(1, 100)))
    assert not deep.closest("/".join(["a"] * 500))
    loose = codeowners.parse("\n".join(f"*{n}* @mara" for n in range(1000, 1000 + LOOSE + 1)))
    assert [fault.line for fault in loose.faults] == [LOOSE + 1]
    assert not maintainers.parse("x[z-a]\ta\nx[!]]\ta\nx[[:a:]-z]\ta\nx[--0]\tb\n").closest("y")
