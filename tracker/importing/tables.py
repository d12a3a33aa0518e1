"""What the words of other trackers mean here. To be read, and to be corrected, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tracker.models import Kind, Resolution, Severity, State

# Headers as Bugzilla, JIRA and tools around them write them: lower case, and every run of
# other characters than letters and digits one space ("Affects Version/s" -> "affects version s").
FIELD_OF_HEADER: Final[Mapping[str, str]] = {
    "bug id": "id", "bugid": "id", "issue id": "id", "id": "id", "issue number": "id",
    "issue key": "key", "key": "key",
    "summary": "summary", "short desc": "summary", "title": "summary", "synopsis": "summary",
    "status": "status", "bug status": "status", "state": "status",
    "resolution": "resolution",
    "created": "created", "opened": "created", "creation ts": "created", "reported": "created",
    "creation date": "created", "created at": "created", "opendate": "created",
    "changed": "changed", "updated": "changed", "last changed": "changed", "delta ts": "changed",
    "modified": "changed", "last modified": "changed", "last updated": "changed",
    "changeddate": "changed",
    "resolved": "resolved", "last resolved": "resolved", "closed": "resolved",
    "resolution date": "resolved", "cf last resolved": "resolved",
    "priority": "priority", "severity": "severity", "bug severity": "severity",
    "component": "component", "components": "component", "component s": "component",
    "version": "version", "versions": "version", "affects version s": "version",
    "affects versions": "version", "affects version": "version", "affected versions": "version",
    "fix version s": "fixed_in", "fix versions": "fixed_in", "fix version": "fixed_in",
    "fixed in": "fixed_in",
    "issue type": "kind", "type": "kind", "bug type": "kind", "kind": "kind",
    "reporter": "reporter", "reported by": "reporter",
    "assignee": "assignee", "assigned to": "assignee",
    "description": "description", "comment": "comment", "comments": "comment",
    "reporter real name": "reporter_name", "assignee real name": "assignee_name",
    "reporter realname": "reporter_name", "assigned to realname": "assignee_name",
    "inward issue link duplicate": "same_as", "outward issue link duplicate": "same_as",
    "duplicate of": "same_as", "dupe of": "same_as",
    "group": "groups", "groups": "groups", "security level": "groups", "confidential": "groups",
    "hardware": "architecture", "platform": "architecture", "rep platform": "architecture",
    "os": "hardware", "op sys": "hardware", "environment": "hardware",
}  # fmt: skip

# Words for "not said", in any field.
NOTHING: Final = frozenset({"", "-", "--", "---", "unspecified", "none", "n/a", "unresolved"})
ANYWHERE: Final = frozenset({"all", "any", "other"}) | NOTHING

STATES: Final[Mapping[str, Mapping[str, State]]] = {
    "bugzilla": {
        "unconfirmed": State.NEW,
        "new": State.OPEN,
        "confirmed": State.OPEN,
        "reopened": State.OPEN,
        "assigned": State.IN_PROGRESS,
        "in_progress": State.IN_PROGRESS,
        "needinfo": State.FEEDBACK,
        "resolved": State.CLOSED,
        "verified": State.CLOSED,
        "closed": State.CLOSED,
    },
    "jira": {
        "open": State.NEW,
        "new": State.NEW,
        "to do": State.NEW,
        "backlog": State.NEW,
        "selected for development": State.OPEN,
        "triaged": State.OPEN,
        "reopened": State.OPEN,
        "in progress": State.IN_PROGRESS,
        "in review": State.IN_PROGRESS,
        # A patch is attached and not yet on any branch, so it is not "patched".
        "patch available": State.IN_PROGRESS,
        "waiting for user": State.FEEDBACK,
        "waiting for customer": State.FEEDBACK,
        "on hold": State.SUSPENDED,
        "blocked": State.SUSPENDED,
        "resolved": State.CLOSED,
        "closed": State.CLOSED,
        "done": State.CLOSED,
    },
    "gnats": {
        "open": State.NEW,
        "analyzed": State.OPEN,
        "active": State.IN_PROGRESS,
        "feedback": State.FEEDBACK,
        "patched": State.PATCHED,
        "suspended": State.SUSPENDED,
        "repocopy": State.SUSPENDED,
        "needs-pullups": State.PATCHED,
        "pending-pullups": State.PATCHED,
        "dead": State.CLOSED,
        "closed": State.CLOSED,
    },
    # What of a bug's life its tags and its closing say.
    "debbugs": {
        "open": State.NEW,
        "confirmed": State.OPEN,
        "moreinfo": State.FEEDBACK,
        "pending": State.IN_PROGRESS,
        "done": State.CLOSED,
    },
    "mail": {"open": State.NEW},
    "github": {"open": State.NEW, "closed": State.CLOSED},
}

# What is closed without a word how, in trackers that have no such word.
WITHOUT_RESOLUTION: Final[Mapping[str, Resolution]] = {
    "gnats": Resolution.FIXED,
    "debbugs": Resolution.FIXED,
    "github": Resolution.FIXED,
}

RESOLUTIONS: Final[Mapping[str, Resolution]] = {
    "fixed": Resolution.FIXED,
    "done": Resolution.FIXED,
    "implemented": Resolution.FIXED,
    "delivered": Resolution.FIXED,
    "resolved": Resolution.FIXED,
    "completed": Resolution.FIXED,
    "duplicate": Resolution.DUPLICATE,
    "invalid": Resolution.NOT_A_DEFECT,
    "not a problem": Resolution.NOT_A_DEFECT,
    "not a bug": Resolution.NOT_A_DEFECT,
    "mistaken": Resolution.NOT_A_DEFECT,
    "notabug": Resolution.NOT_A_DEFECT,
    "information provided": Resolution.NOT_A_DEFECT,
    "worksforme": Resolution.CANNOT_REPRODUCE,
    "works for me": Resolution.CANNOT_REPRODUCE,
    "cannot reproduce": Resolution.CANNOT_REPRODUCE,
    "unreproducible": Resolution.CANNOT_REPRODUCE,
    "wontfix": Resolution.WILL_NOT_FIX,
    "won't fix": Resolution.WILL_NOT_FIX,
    "won't do": Resolution.WILL_NOT_FIX,
    "not planned": Resolution.WILL_NOT_FIX,
    "declined": Resolution.WILL_NOT_FIX,
    "later": Resolution.WILL_NOT_FIX,
    "remind": Resolution.WILL_NOT_FIX,
    "workaround": Resolution.WILL_NOT_FIX,
    "incomplete": Resolution.FEEDBACK_TIMEOUT,
    "insufficient_data": Resolution.FEEDBACK_TIMEOUT,
    "expired": Resolution.FEEDBACK_TIMEOUT,
    "moved": Resolution.OVERTAKEN,
    "abandoned": Resolution.OVERTAKEN,
    "obsolete": Resolution.OVERTAKEN,
    "auto closed": Resolution.OVERTAKEN,
    "pending closed": Resolution.OVERTAKEN,
    "inactive": Resolution.OVERTAKEN,
}

SEVERITIES: Final[Mapping[str, Severity]] = {
    "blocker": Severity.CRITICAL, "critical": Severity.CRITICAL, "highest": Severity.CRITICAL,
    "s1": Severity.CRITICAL, "p1": Severity.CRITICAL, "urgent": Severity.CRITICAL,
    "major": Severity.MAJOR, "high": Severity.MAJOR, "s2": Severity.MAJOR, "p2": Severity.MAJOR,
    "normal": Severity.NORMAL, "medium": Severity.NORMAL, "s3": Severity.NORMAL,
    "p3": Severity.NORMAL, "enhancement": Severity.NORMAL,
    "grave": Severity.CRITICAL, "serious": Severity.MAJOR, "important": Severity.MAJOR,
    "non-critical": Severity.NORMAL, "wishlist": Severity.MINOR,
    "minor": Severity.MINOR, "low": Severity.MINOR, "lowest": Severity.MINOR,
    "trivial": Severity.MINOR, "s4": Severity.MINOR, "p4": Severity.MINOR, "p5": Severity.MINOR,
}  # fmt: skip

KINDS: Final[Mapping[str, Kind]] = {
    "bug": Kind.DEFECT, "defect": Kind.DEFECT,
    "improvement": Kind.ENHANCEMENT, "enhancement": Kind.ENHANCEMENT,
    "new feature": Kind.ENHANCEMENT, "feature": Kind.ENHANCEMENT, "wish": Kind.ENHANCEMENT,
    "story": Kind.ENHANCEMENT, "documentation": Kind.DOCUMENTATION,
    "task": Kind.MAINTENANCE, "sub task": Kind.MAINTENANCE, "sub-task": Kind.MAINTENANCE,
    "sw-bug": Kind.DEFECT, "doc-bug": Kind.DOCUMENTATION, "docs": Kind.DOCUMENTATION,
    "change-request": Kind.ENHANCEMENT, "wishlist": Kind.ENHANCEMENT, "update": Kind.MAINTENANCE,
    "maintainer-update": Kind.MAINTENANCE, "support": Kind.MAINTENANCE,
    "duplicate": Kind.DEFECT, "mistaken": Kind.DEFECT,
    "test": Kind.MAINTENANCE, "maintenance": Kind.MAINTENANCE,
}  # fmt: skip
