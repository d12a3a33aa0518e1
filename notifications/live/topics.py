"""What an open page is about, in the one word that travels: "12" is a problem, "p15" a patch."""

from __future__ import annotations

Topic = str


def problem_topic(number: int) -> Topic:
    return str(number)


def patch_topic(number: int) -> Topic:
    return f"p{number}"


def patch_of(topic: Topic) -> int | None:
    """The number of the patch, None where it is about a problem."""
    return int(topic[1:]) if topic.startswith("p") else None
