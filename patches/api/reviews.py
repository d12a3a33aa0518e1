"""What people say of a patch: reviews, threads on its lines, and ratings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import Made, once
from accounts.api.inputs import Input, Words, read, texts
from accounts.api.paging import entries, page_serializer, slice_of
from accounts.api.schema import KEY, PAGING, sample
from accounts.api.views import ApiView, person_of
from accounts.models import Person, read_roles
from accounts.policies import require
from patches.api.representation import RatingSerializer
from patches.api.requests import LARGEST_NUMBER, LARGEST_VERSION, patch_or_404, version_named
from patches.locking import lock
from patches.models import (
    LineComment,
    Patch,
    PatchVersion,
    Rating,
    Review,
    Side,
    Thread,
    ThreadPlace,
)
from patches.policies import may
from patches.reviews import reviewing
from patches.reviews.holding import holding
from patches.reviews.rating import Said, rate
from patches.reviews.standing import not_counted
from patches.reviews.talk import Remark, remarks_on
from tracker.api.requests import door_of
from tracker.changes import Conflict
from tracker.drafts import DraftErrors

RATINGS_AT_ONCE = 100


class LinesSerializer(serializers.Serializer[ThreadPlace]):
    """Lines of one version."""

    version = serializers.IntegerField(source="version.number")
    commit = serializers.IntegerField(help_text="From 1; 0 where the lines are gone.")
    path = serializers.CharField(help_text="Empty: the message of the commit.")
    side = serializers.ChoiceField(choices=Side.values)
    start = serializers.IntegerField(help_text="From 1; 0 for the file as a whole.")
    end = serializers.IntegerField()
    found = serializers.ChoiceField(choices=ThreadPlace.Found.values)


class RemarkSerializer(serializers.Serializer[Remark]):
    """A comment on lines, as a review has it."""

    id = serializers.IntegerField(source="comment.pk")
    thread = serializers.IntegerField(source="comment.thread_id")
    text = serializers.CharField(source="comment.text", help_text="Markdown.")
    resolves = serializers.BooleanField(source="comment.resolves", allow_null=True)
    lines = LinesSerializer(source="place", allow_null=True)
    applied_in = serializers.IntegerField(
        source="comment.applied_in.number",
        default=None,
        allow_null=True,
        help_text="The version in which its suggestion was applied.",
    )


class ReviewSerializer(serializers.Serializer[Review]):
    id = serializers.IntegerField()
    author = serializers.CharField(source="author.handle", default=None, allow_null=True)
    version = serializers.IntegerField(source="version.number")
    verdict = serializers.ChoiceField(choices=Review.Verdict.values)
    text = serializers.CharField(help_text="Markdown.")
    comments = serializers.SerializerMethodField()
    ratings = RatingSerializer(many=True)
    door = serializers.CharField()
    sent_at = serializers.DateTimeField()

    @extend_schema_field(RemarkSerializer(many=True))
    def get_comments(self, review: Review) -> Any:
        return RemarkSerializer(self.context["remarks"].get(review.pk, []), many=True).data


class ThreadCommentSerializer(serializers.Serializer[LineComment]):
    id = serializers.IntegerField()
    review = serializers.IntegerField(source="review_id")
    author = serializers.CharField(source="review.author.handle", default=None, allow_null=True)
    text = serializers.CharField(help_text="Markdown.")
    sent_at = serializers.DateTimeField(source="review.sent_at")


class ThreadSerializer(serializers.Serializer[Thread]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version.number", help_text="On which it began.")
    text = serializers.CharField(source="lines", help_text="The lines as they were then.")
    lines = serializers.SerializerMethodField(help_text="Where they are in the newest version.")
    is_resolved = serializers.SerializerMethodField()
    resolved_by = serializers.CharField(source="resolved_by.handle", default=None, allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    comments = ThreadCommentSerializer(many=True)

    @extend_schema_field(LinesSerializer(allow_null=True))
    def get_lines(self, thread: Thread) -> Any:
        places = sorted(thread.places.all(), key=lambda place: place.version.number)
        return LinesSerializer(places[-1]).data if places else None

    def get_is_resolved(self, thread: Thread) -> bool:
        return thread.resolved_at is not None


class GivenRatingSerializer(RatingSerializer):
    """A rating in the history."""

    is_current = serializers.BooleanField(help_text="False for one that a later word replaced.")
    holds = serializers.SerializerMethodField(help_text="For the newest version.")
    not_counted = serializers.SerializerMethodField(
        help_text="Why it never counts for what the patch needs, such as that of its author; empty"
        " where it does while it holds."
    )

    def get_not_counted(self, rating: Rating) -> str:
        return not_counted(self.context["patch"], rating.version, rating.person)

    def get_holds(self, rating: Rating) -> bool:
        return rating.pk in self.context["holding"]


VERSION: dict[str, Any] = {"required": False, "min_value": 1, "max_value": LARGEST_VERSION}


class RatingInput(Input):
    dimension = Words(required=True, allow_null=False, help_text="Slug.")
    value = serializers.IntegerField(
        min_value=-1, max_value=1, help_text="1 or -1; 0 takes back what one said."
    )
    release = Words(help_text="The name of a release of the product.")
    architecture = Words(help_text="Needed where the dimension asks where it was tried.")
    hardware = Words()
    note = Words(help_text="What was tried.")


class LoneRatingInput(RatingInput):
    version = serializers.IntegerField(help_text="The newest if left out.", **VERSION)


class LineCommentInput(Input):
    text = Words(help_text="Markdown; a fence called `suggestion` proposes other lines.")
    thread = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_NUMBER,
        help_text="The thread that it answers; without it begins one.",
    )
    resolves = serializers.BooleanField(
        required=False, help_text="Goes with `thread`: resolves it, or opens it again."
    )
    commit = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_VERSION, help_text="From 1; 1 if left out."
    )
    path = Words(help_text="Empty: the message of the commit.")
    side = Words(help_text=f"One of: {', '.join(Side.values)}. `new` if left out.")
    start = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=LARGEST_VERSION,
        help_text="From 1; 0 for the file as a whole.",
    )
    end = serializers.IntegerField(
        required=False, min_value=0, max_value=LARGEST_VERSION, help_text="`start` if left out."
    )


class ReviewInput(Input):
    version = serializers.IntegerField(help_text="The newest if left out.", **VERSION)
    text = Words(help_text="Markdown.")
    verdict = Words(help_text=f"One of: {', '.join(Review.Verdict.values)}.")
    # How long a list is, the stubs do not know of.
    comments = LineCommentInput(  # type: ignore[call-arg]
        many=True, required=False, max_length=reviewing.COMMENTS_PER_DRAFT
    )
    ratings = RatingInput(  # type: ignore[call-arg]
        many=True, required=False, max_length=RATINGS_AT_ONCE
    )
    with_draft = serializers.BooleanField(
        required=False,
        help_text="Whether comments that one has written on the pages and not sent go with it.",
    )


class ReviewsView(ApiView):
    limits: ClassVar = {"POST": "comment"}

    @extend_schema(
        operation_id="list_reviews", parameters=PAGING, responses=page_serializer(ReviewSerializer)
    )
    def get(self, request: Request, patch: int) -> Response:
        """The reviews of a patch, oldest first. Drafts are their authors' alone."""
        shown = patch_or_404(request.user, patch)
        page = slice_of(_sent(shown), request, "id")
        return Response(page.answer(_reviews(page.rows)))

    @extend_schema(
        operation_id="review_patch",
        examples=[
            sample(
                {
                    "text": "Good, but for one thing.",
                    "verdict": "changes",
                    "comments": [
                        {"path": "sys/dev/em/if_em.c", "start": 13, "text": "Who frees it?"}
                    ],
                    "ratings": [{"dimension": "works", "value": 1, "architecture": "amd64"}],
                }
            )
        ],
        parameters=[KEY],
        request=ReviewInput,
        responses={201: ReviewSerializer},
    )
    def post(self, request: Request, patch: int) -> Response:
        """Send a whole review at once: words, a verdict, comments on lines and ratings.

        All of it is kept, or nothing.
        """
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.review", person, shown))
        said = texts(read(ReviewInput, request))

        def work(row: object) -> Made:
            version = version_named(shown, said.get("version"))
            review = _review(request, person, version, said)
            (body,) = _reviews(_sent(shown).filter(pk=review.pk))
            return Made(body)

        return once(request, person, work)


def _sent(patch: Patch) -> QuerySet[Review]:
    ratings = Rating.objects.select_related("person", "version", "release").order_by("id")
    rows = patch.reviews.filter(sent_at__isnull=False).select_related("author", "version")
    return rows.prefetch_related(Prefetch("ratings", ratings))


def _reviews(rows: Iterable[Review]) -> list[dict[str, Any]]:
    found = list(rows)
    return entries(ReviewSerializer, found, remarks=remarks_on(each.pk for each in found))


def _review(
    request: Request, person: Person, version: PatchVersion, said: Mapping[str, Any]
) -> Review:
    patch = lock(version.patch)
    draft = patch.reviews.filter(author=person, sent_at=None).first()
    waiting = draft.comments.count() if draft else 0
    if waiting and not said.get("with_draft"):
        raise Conflict(
            f"You have {waiting} comment{'' if waiting == 1 else 's'} on this patch that you have"
            " not sent: send or discard them on its page, or say “with_draft” to send them with"
            " this."
        )
    for place, each in enumerate(said.get("comments", ())):
        _comment(version, person, texts(each), place)
    ratings = [Said(**texts(each)) for each in said.get("ratings", ())]
    return reviewing.send_review(
        version,
        person,
        door_of(request),
        text=said.get("text", ""),
        verdict=said.get("verdict") or Review.Verdict.COMMENT,
        ratings=ratings,
    )


def _comment(version: PatchVersion, person: Person, said: dict[str, Any], place: int) -> None:
    """One of several comments, into the draft. Raises `DraftErrors` that name its fields."""
    try:
        comment_on(version, person, said)
    except DraftErrors as faults:
        named = {f"comments.{place}.{name}": lines for name, lines in faults.errors.items()}
        raise DraftErrors(named) from faults


def comment_on(version: PatchVersion, person: Person, said: dict[str, Any]) -> LineComment:
    """A comment on lines or an answer, into the draft of `person`."""
    return (_answer if "thread" in said else _begin)(version, person, said)


def _answer(version: PatchVersion, person: Person, said: dict[str, Any]) -> LineComment:
    if placed := [name for name in ("commit", "path", "side", "start", "end") if name in said]:
        raise DraftErrors({name: ["Where it is, the “thread” says."] for name in placed})
    thread = reviewing.threads_for(version.patch, person).filter(pk=said["thread"]).first()
    if thread is None:
        raise DraftErrors({"thread": [f"There is no thread {said['thread']} on this patch."]})
    return reviewing.answer(
        thread, person, said.get("text", ""), version=version, resolves=said.get("resolves")
    )


def _begin(version: PatchVersion, person: Person, said: dict[str, Any]) -> LineComment:
    if "start" not in said:
        words = "Say on which line it is (0: the file), or which “thread” it answers."
        raise DraftErrors({"start": [words]})
    if "resolves" in said:
        raise DraftErrors({"resolves": ["This goes with “thread”."]})
    return reviewing.add_line_comment(
        version,
        person,
        said.get("text", ""),
        commit=said.get("commit", 1),
        path=said.get("path", ""),
        side=said.get("side") or Side.NEW,
        start=said["start"],
        end=said.get("end", said["start"]),
    )


# Threads


class ThreadsView(ApiView):
    @extend_schema(
        operation_id="list_threads", parameters=PAGING, responses=page_serializer(ThreadSerializer)
    )
    def get(self, request: Request, patch: int) -> Response:
        """The talks about lines of a patch, and where these are in its newest version."""
        page = slice_of(_threads(patch_or_404(request.user, patch)), request, "id")
        return Response(page.answer(entries(ThreadSerializer, page.rows)))


def _threads(patch: Patch) -> QuerySet[Thread]:
    comments = LineComment.objects.filter(review__sent_at__isnull=False).order_by("id")
    places = ThreadPlace.objects.filter(
        Q(version__number=patch.latest) | Q(found=ThreadPlace.Found.BEGUN)
    )
    return (
        reviewing.threads_for(patch, None)
        .select_related("resolved_by")
        .prefetch_related(
            Prefetch("comments", comments.select_related("review__author")),
            Prefetch("places", places.select_related("version")),
        )
    )


class ResolvedView(ApiView):
    @extend_schema(operation_id="resolve_thread", request=None, responses=ThreadSerializer)
    def put(self, request: Request, patch: int, thread: int) -> Response:
        """Resolve a thread. Doing it twice is doing it once."""
        return self._resolve(request, patch, thread, resolved=True)

    @extend_schema(
        operation_id="open_thread_again", request=None, responses={200: ThreadSerializer}
    )
    def delete(self, request: Request, patch: int, thread: int) -> Response:
        """Open a thread again."""
        return self._resolve(request, patch, thread, resolved=False)

    def _resolve(self, request: Request, number: int, pk: int, *, resolved: bool) -> Response:
        person = person_of(request)
        patch = patch_or_404(person, number)
        found = reviewing.threads_for(patch, None).filter(pk=pk).first()
        if found is None:
            raise Http404
        reviewing.resolve(found, person, door_of(request), resolved=resolved)
        return Response(ThreadSerializer(_threads(patch).get(pk=pk)).data)


# Ratings


class RatingsView(ApiView):
    @extend_schema(
        operation_id="list_ratings",
        parameters=PAGING,
        responses=page_serializer(GivenRatingSerializer),
    )
    def get(self, request: Request, patch: int) -> Response:
        """All ratings that a patch was ever given, oldest first, and which of them hold."""
        shown = patch_or_404(request.user, patch)
        rows = shown.ratings.select_related("person", "version", "release")
        page = slice_of(rows, request, "id")
        return Response(page.answer(_ratings(shown, page.rows)))

    @extend_schema(
        operation_id="rate_patch",
        examples=[
            sample({"dimension": "works", "value": 1, "architecture": "amd64", "release": "15.0"})
        ],
        parameters=[KEY],
        request=LoneRatingInput,
        responses={201: GivenRatingSerializer},
    )
    def post(self, request: Request, patch: int) -> Response:
        """Rate a version in one dimension. A later word replaces the one before; 0 takes back."""
        person = person_of(request)
        shown = patch_or_404(person, patch)
        require(may("patch.rate", person, shown))
        said = texts(read(LoneRatingInput, request))
        number = said.pop("version", None)

        def work(row: object) -> Made:
            given = rate(version_named(shown, number), person, door_of(request), Said(**said))
            (body,) = _ratings(shown, [given])
            return Made(body)

        return once(request, person, work)


def _ratings(patch: Patch, rows: Iterable[Rating]) -> list[dict[str, Any]]:
    given = list(rows)
    read_roles([each.person for each in given])
    holds = {each.pk for each in holding(patch)}
    return entries(GivenRatingSerializer, given, patch=patch, holding=holds)
