"""Admission: Kubernetes asks before it runs an image, and is answered within a second whatever else is broken.

The API server sends no credential unless it was given one, so the token (scope `agent`) may stand in the address
instead: `/admission/validate/TOKEN/`. Nothing is fetched or scanned here; what is stored decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from threading import Lock
from typing import Any

import msgspec
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import Counter

from governance.accounts.models import Token
from governance.accounts.services import find_token
from governance.policy.gate import ask, keep
from governance.policy.verdicts import Judged
from governance.web.problems import problem
from scanning.admission_review import (
    Answer,
    NotAReview,
    Review,
    admission_answer,
    image_review_answer,
    read_image_review,
    read_review,
    shortened,
)

type Read = Callable[[object], Review]
type Write = Callable[[Review, Answer], dict[str, Any]]

ANSWERS = Counter("portwarden_admission_answers", "Answers to admission reviews", ["verdict", "allowed"])
BODY_LIMIT = 4 * 2**20
# Of the second that an answer may take; the rest is for reading and writing.
CLOCK = 0.8
# A verdict is good for as long as nobody could have noticed a newer one.
FRESH = 2.0
MOST_KEPT = 5_000
STAGE = "runtime"
DOWN = "Portwarden cannot look anything up at the moment"
# More than the web server has threads, so that lookups that hang take nobody else's place.
POOL = ThreadPoolExecutor(32, thread_name_prefix="admission")


@dataclass(frozen=True, slots=True)
class Said:
    """What was found for the images of a review; `known` says whether the token is one that may ask."""

    known: bool
    judged: tuple[tuple[str, Judged], ...] = ()


class Memory:
    """What was answered in the last moments: a cluster that starts a hundred pods of one image asks once."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, ...], tuple[float, Any]] = {}
        self._lock = Lock()

    def get(self, *key: str) -> Any:
        """What is known and fresh, else None."""
        with self._lock:
            row = self._rows.get(key)
        return row[1] if row and row[0] > time.monotonic() else None

    def put(self, value: Any, *key: str) -> None:
        """Keep it for `FRESH` seconds."""
        with self._lock:
            if len(self._rows) >= MOST_KEPT:
                self._rows.clear()
            self._rows[key] = (time.monotonic() + FRESH, value)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._rows.clear()


MEMORY = Memory()


@csrf_exempt
def validate(request: HttpRequest, secret: str = "") -> HttpResponse:
    """`POST /admission/validate/`: an AdmissionReview comes, and one goes."""
    return respond(request, secret, read_review, admission_answer)


@csrf_exempt
def image_policy(request: HttpRequest, secret: str = "") -> HttpResponse:
    """`POST /admission/image-policy/`: an ImageReview comes, and one goes."""
    return respond(request, secret, read_image_review, lambda _, answer: image_review_answer(answer))


def respond(request: HttpRequest, secret: str, read: Read, write: Write) -> HttpResponse:
    """Read the question, decide within the clock, answer in the form of the question."""
    response = _respond(request, secret, read, write)
    # Django would write the address of a refusal into the log, and the token may stand in it.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _respond(request: HttpRequest, secret: str, read: Read, write: Write) -> HttpResponse:
    if request.method != "POST":
        return problem(405, "send a review with POST", {"Allow": "POST"})
    token = secret or bearer_of(request)
    if not token:
        return problem(401, "admission needs a token of scope agent", {"WWW-Authenticate": "Bearer"})
    try:
        review = read(document_of(request))
    except NotAReview as error:
        return problem(400, str(error))
    said = within_the_clock(token, review)
    if said is not None and not said.known:
        return problem(401, "the token is unknown, ended, or not of scope agent", {"WWW-Authenticate": "Bearer"})
    answer = decide(review, said)
    ANSWERS.labels(dict(answer.annotations).get("verdict", ""), str(answer.allowed).lower()).inc()
    return JsonResponse(write(review, answer))


def bearer_of(request: HttpRequest) -> str:
    """The token of the Authorization header."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def document_of(request: HttpRequest) -> object:
    """The body as JSON. Raises NotAReview."""
    length = request.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise NotAReview(f"a review has a Content-Length of at most {BODY_LIMIT} bytes")
    try:
        return msgspec.json.decode(request.read(BODY_LIMIT))
    except (ValueError, RecursionError, OSError, RawPostDataException) as error:
        raise NotAReview(f"the body is no JSON: {error}") from error


def within_the_clock(token: str, review: Review) -> Said | None:
    """What the database says; None where it does not say it in time.

    When it did not, the next ones are answered at once for a moment: who waits in a row waits longer than the clock.
    Where it answers but a review asks too much of it, what it said counts and nobody else is answered worse for it.
    """
    if MEMORY.get("down") is not None:
        return None
    judged: list[tuple[str, Judged]] = []
    task: Future[Said] = POOL.submit(look_up, token, review, judged)
    try:
        return task.result(CLOCK)
    except TooLate:
        if judged:
            return Said(True, tuple(judged))
    except (DatabaseError, OSError):
        pass
    task.cancel()
    MEMORY.put(True, "down")
    return None


def look_up(token: str, review: Review, judged: list[tuple[str, Judged]]) -> Said:
    """In a thread of the pool, which keeps its connection: whose token it is, and the verdict on each image.

    They are put into `judged` one by one, for who cannot wait for all.
    """
    try:
        return _look_up(token, review, judged)
    except (OperationalError, InterfaceError):
        # The connection may be one to a server that was started anew since.
        connection.close()
        judged.clear()
        return _look_up(token, review, judged)
    finally:
        if connection.errors_occurred:
            connection.close()


def _look_up(token: str, review: Review, judged: list[tuple[str, Judged]]) -> Said:
    asker = asker_of(token)
    if asker is None:
        return Said(False)
    for name in review.images:
        judged.append((name, verdict(token, asker, name, review.dry_run)))  # noqa: PERF401 (each is seen at once)
    return Said(True, tuple(judged))


def asker_of(secret: str) -> Token | None:
    """The token, if it may ask."""
    known: Token | None = MEMORY.get("token", secret)
    if known is None:
        found = find_token(secret)
        known = found if found and found.scope in (Token.Scope.AGENT, Token.Scope.ADMIN) else None
        if known:
            MEMORY.put(known, "token", secret)
    return known


def verdict(secret: str, asker: Token, name: str, dry_run: bool) -> Judged:
    """What the image comes to where it runs; kept as a decision unless nothing is to happen."""
    said: Judged | None = MEMORY.get("verdict", secret, name)
    if said is None:
        said = ask(asker, name, STAGE)
        MEMORY.put(said, "verdict", secret, name)
    if not dry_run and MEMORY.get("kept", secret, name) is None:
        keep(asker, name, said, "admission")
        MEMORY.put(True, "kept", secret, name)
    return said


def decide(review: Review, said: Said | None) -> Answer:
    """Whether it may run. In audit mode it always may, and the warnings say what enforcing would have done."""
    if said is None:
        allowed = settings.ADMISSION_WHEN_DOWN == "allow"
        return Answer(allowed, f"portwarden: {DOWN}", (f"portwarden: {DOWN}",), (("verdict", "down"),))
    texts, worst, policy = told(review, said)
    stops = worst == "fail" or (worst == "unknown" and settings.ADMISSION_UNKNOWN == "deny")
    enforced = settings.ADMISSION_MODE == "enforce"
    notes = [("verdict", worst), ("mode", settings.ADMISSION_MODE)] + ([("policy", policy)] if policy else [])
    if stops and enforced:
        return Answer(False, "portwarden: " + "; ".join(texts[worst]), annotations=tuple(notes))
    would = "would be denied: " if stops else ""
    warnings = [f"portwarden: {would}{text}" for text in texts[worst]] if worst != "pass" else []
    return Answer(True, "", tuple(warnings), tuple(notes))


def told(review: Review, said: Said) -> tuple[dict[str, list[str]], str, str]:
    """({verdict: what to say of the images that have it}, the worst verdict, the policy that decided)."""
    texts: dict[str, list[str]] = {"pass": [], "warn": [], "unknown": [], "fail": []}
    policy = {}
    if review.trouble:
        texts["unknown"].append(review.trouble)
    if open_ := len(review.images) - len(said.judged):
        texts["unknown"].append(f"{open_} of {len(review.images)} images could not be looked up in time; try again")
    for name, judged in said.judged:
        policy[judged.verdict] = judged.policy
        reasons = [one["text"] for one in judged.reasons if one["outcome"] == judged.verdict]
        texts[judged.verdict] += [f"{shortened(name, 300)}: {shortened(text, 500)}" for text in reasons[:3]]
        if not reasons:
            texts[judged.verdict].append(f"{shortened(name, 300)}: {judged.verdict}")
    worst = next((one for one in ("fail", "unknown", "warn") if texts[one]), "pass")
    return texts, worst, policy.get(worst, "")
