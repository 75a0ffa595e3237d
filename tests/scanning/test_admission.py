"""Admission: what is read of a question, what is answered, and what is written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError, OperationalError
from django.test import Client
from django.utils import timezone

from governance.accounts.models import Team, Token
from governance.policy.models import GateDecision
from governance.policy.verdicts import unknown
from scanning.admission import MEMORY
from scanning.admission_review import CONTAINERS, NotAReview, Review, images_of, read_image_review, read_review
from tests.governance.policy.force import enforce
from tests.make import make_image, make_token

NAME = "registry.example/shop/api:1.0"
POD = {"containers": [{"name": "api", "image": NAME}]}


def make_review(spec: Any = POD, kind: str = "Pod", operation: str = "CREATE", **more: Any) -> dict[str, Any]:
    request = {"uid": "u1", "kind": {"group": "", "version": "v1", "kind": kind}, "operation": operation}
    request |= {"object": {"kind": kind, "metadata": {"generateName": "api-"}, "spec": spec}, "oldObject": None}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request | more}


def template(spec: Any) -> dict[str, Any]:
    return {"template": {"metadata": {}, "spec": spec}}


class TestReading:
    """Pure: which images a question is about."""

    @pytest.mark.parametrize(
        "kind", ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"]
    )
    def test_kinds_that_own_pods_are_asked_by_their_template(self, kind: str) -> None:
        assert read_review(make_review(template(POD), kind)) == Review("u1", (NAME,))

    def test_a_cron_job_is_two_templates_deep(self) -> None:
        spec = {"schedule": "@daily", "jobTemplate": {"spec": template(POD)}}
        assert read_review(make_review(spec, "CronJob")).images == (NAME,)

    def test_a_pod_template_has_no_spec_of_its_own(self) -> None:
        review = make_review(kind="PodTemplate", object={"kind": "PodTemplate", "template": {"spec": POD}})
        assert read_review(review).images == (NAME,)

    def test_containers_of_every_kind_and_volumes_that_are_images(self) -> None:
        spec = {
            "initContainers": [{"image": "a"}],
            "containers": [{"image": "b"}, {"image": "a"}],
            "ephemeralContainers": [{"image": "c"}],
            "volumes": [{"name": "x", "emptyDir": {}}, {"name": "y", "image": {"reference": "d"}}],
        }
        assert read_review(make_review(spec)).images == ("a", "b", "c", "d")

    def test_an_update_is_asked_for_what_it_changes(self) -> None:
        new = {"containers": [{"image": NAME}], "ephemeralContainers": [{"image": "debug:1"}]}
        review = make_review(new, operation="UPDATE", subResource="ephemeralcontainers", oldObject={"spec": POD})
        assert read_review(review).images == ("debug:1",)

    @pytest.mark.parametrize(
        "review",
        [
            make_review(operation="DELETE", object=None, oldObject={"spec": POD}),
            make_review(operation="CONNECT", object={"kind": "PodExecOptions"}),
            make_review(kind="Service"),
            make_review({"replicas": 3}, "Scale", "UPDATE", subResource="scale"),
        ],
    )
    def test_what_runs_nothing_passes(self, review: dict[str, Any]) -> None:
        assert read_review(review) == Review("u1")

    @pytest.mark.parametrize(
        "spec",
        [
            None,
            7,
            {"containers": "x"},
            {"containers": [7]},
            {"containers": [{}]},
            {"containers": [{"image": ""}]},
            {"containers": [{"image": "x" * 1_001}]},
            {"containers": [{"image": "x"}] * 201},
            {"containers": [], "volumes": [{"image": {}}]},
        ],
    )
    def test_a_pod_whose_images_cannot_be_read_is_trouble(self, spec: Any) -> None:
        review = read_review(make_review(spec))
        assert review.images == ()
        assert "images of this Pod cannot be read" in review.trouble

    @pytest.mark.parametrize(
        "document",
        [
            None,
            [],
            {},
            {"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {}},
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"},
            make_review(uid=None),
            make_review(uid="x" * 201),
            make_review(kind=None) | {"request": {"uid": "1"}},
        ],
    )
    def test_what_is_no_review_says_where_it_departs(self, document: Any) -> None:
        with pytest.raises(NotAReview, match=r"no AdmissionReview|missing"):
            read_review(document)

    def test_an_image_review_lists_containers(self) -> None:
        spec = {"containers": [{"image": NAME}, {"image": NAME}], "namespace": "shop"}
        document = {"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec}
        assert read_image_review(document) == Review("", (NAME,))
        with pytest.raises(NotAReview):
            list(images_of({}, ("spec",)))


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What one test was answered is nothing to the next."""
    MEMORY.clear()
    yield
    MEMORY.clear()


class AtOnce:
    """Looks things up in the test's own thread, whose transaction nobody else sees."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except (DatabaseError, TimeoutError) as error:
            future.set_exception(error)
        return future


@pytest.fixture
def at_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanning.admission.POOL", AtOnce())


@pytest.fixture
def cluster(team: Team) -> str:
    return make_token(Token.Scope.AGENT)[1]


def ask(secret: str, review: Any, path: str = "validate", **headers: str) -> Any:
    body = review if isinstance(review, bytes) else json.dumps(review)
    answer = Client(headers={"Authorization": f"Bearer {secret}", **headers}).post(
        f"/admission/{path}/", body, content_type="application/json"
    )
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["detail"])


def bad_image() -> None:
    make_image(NAME)
    enforce({"kind": "findings", "severity": "high"})


@pytest.mark.django_db(transaction=True)
def test_audit_lets_it_run_and_says_what_enforcing_would_do(cluster: str) -> None:
    bad_image()
    said = ask(cluster, make_review())["response"]
    assert (said["uid"], said["allowed"]) == ("u1", True)
    assert said["warnings"][0].startswith(f"portwarden: would be denied: {NAME}: 1 high or worse finding (0")
    assert max(map(len, said["warnings"])) <= 120
    assert said["auditAnnotations"] == {"verdict": "fail", "mode": "audit", "policy": "test"}
    assert "patch" not in said
    assert "patchType" not in said


@pytest.mark.usefixtures("at_once")
def test_enforcing_refuses_with_the_reasons(cluster: str, settings: Any) -> None:
    settings.ADMISSION_MODE = "enforce"
    bad_image()
    said = ask(cluster, make_review())["response"]
    assert not said["allowed"]
    assert said["status"]["code"] == 403
    assert f"{NAME}: 1 high or worse finding (0 allowed): CVE-2099-0001" in said["status"]["message"]
    review = {"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": POD}
    status = ask(cluster, review, "image-policy")["status"]
    assert not status["allowed"]
    assert "CVE-2099-0001" in status["reason"]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("unknown", "allowed"), [("allow", True), ("deny", False)])
def test_what_nobody_knows_is_answered_as_the_setting_says(cluster: str, settings: Any, unknown, allowed) -> None:
    settings.ADMISSION_MODE, settings.ADMISSION_UNKNOWN = "enforce", unknown
    for review in (make_review(), make_review({"containers": 7})):
        said = ask(cluster, review)["response"]
        assert said["allowed"] is allowed
        assert said["auditAnnotations"]["verdict"] == "unknown"
    assert ask(cluster, make_review({"containers": []}))["response"]["allowed"]


@pytest.mark.usefixtures("at_once")
def test_decisions_are_kept_but_for_dry_runs(cluster: str) -> None:
    bad_image()
    ask(cluster, make_review(dryRun=True))
    assert not GateDecision.objects.exists()
    for _ in range(3):
        ask(cluster, make_review())
    kept = GateDecision.objects.get()
    assert (kept.gate, kept.stage, kept.verdict, kept.reference) == ("admission", "runtime", "fail", NAME)


@pytest.mark.usefixtures("at_once")
def test_the_token_may_stand_in_the_address_and_in_no_log(cluster: str, caplog) -> None:
    answer = Client().post(f"/admission/validate/{cluster}/", make_review(), content_type="application/json")
    assert answer.json()["response"]["allowed"]
    # As the API server calls it.
    again = Client().post(f"/admission/validate/{cluster}?timeout=5s", make_review(), content_type="application/json")
    assert again.status_code == 200
    assert Client().get(f"/admission/validate/{cluster}/").status_code == 405
    assert cluster not in caplog.text


@pytest.mark.usefixtures("at_once")
def test_who_may_not_ask_is_told_nothing(team: Team) -> None:
    for secret in ("", "pw_nobody", make_token(Token.Scope.READ)[1], make_token(Token.Scope.INGEST)[1]):
        status, text = ask(secret, make_review())
        assert status == 401
        assert "scope agent" in text


@pytest.mark.usefixtures("at_once")
def test_a_team_s_cluster_learns_nothing_of_other_teams_images(team: Team) -> None:
    bad_image()
    secret = make_token(Token.Scope.AGENT, team)[1]
    assert ask(secret, make_review())["response"]["auditAnnotations"]["verdict"] == "unknown"


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, json.dumps({"apiVersion": "v1"}).encode()])
def test_what_is_no_review_gets_a_clear_error(cluster: str, body: bytes) -> None:
    status, text = ask(cluster, body)
    assert status == 400
    assert any(word in text for word in ("no JSON", "no AdmissionReview", "has a Content-Length"))


@pytest.mark.usefixtures("at_once")
def test_a_body_beyond_all_reviews_is_not_read(cluster: str) -> None:
    assert ask(cluster, b"x" * (4 * 2**20 + 1)) == (400, "a review has a Content-Length of at most 4194304 bytes")


@pytest.mark.usefixtures("at_once")
def test_what_strangers_wrote_moves_no_cursor(cluster: str) -> None:
    said = ask(cluster, make_review({"containers": [{"image": "\x1b[2J\u202eevil"}]}))["response"]
    assert said["warnings"]
    assert all(text.isprintable() for text in said["warnings"])


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("word", "allowed"), [("allow", True), ("deny", False)])
def test_without_a_database_the_answer_is_the_documented_one(cluster: str, settings: Any, word, allowed) -> None:
    settings.ADMISSION_WHEN_DOWN = word
    with patch("scanning.admission.ask", side_effect=OperationalError("gone")) as asked:
        said = [ask(cluster, make_review())["response"] for _ in range(2)]
    assert [one["allowed"] for one in said] == [allowed] * 2
    assert said[0]["auditAnnotations"] == {"verdict": "down"}
    # Tried once more with a new connection; after that not for a moment.
    assert asked.call_count == 2


@pytest.mark.usefixtures("at_once")
def test_a_review_that_asks_too_much_is_unknown_and_nobody_else_is_answered_worse(cluster: str, settings: Any) -> None:
    """Else a pod of many images would open the door for all where the answer without a database is to allow."""
    settings.ADMISSION_MODE, settings.ADMISSION_UNKNOWN, settings.ADMISSION_WHEN_DOWN = "enforce", "deny", "allow"
    many = {"containers": [{"image": f"registry.example/shop/{number}"} for number in range(3)]}
    with patch("scanning.admission.ask", side_effect=[unknown("runtime", "new", timezone.now()), TimeoutError]):
        said = ask(cluster, make_review(many))["response"]
    assert not said["allowed"]
    assert "2 of 3 images could not be looked up in time; try again" in said["status"]["message"]
    assert MEMORY.get("down") is None
    together = {kind: [{"image": f"{kind}/{number}"} for number in range(150)] for kind in CONTAINERS}
    assert "they are more than 200" in ask(cluster, make_review(together))["response"]["status"]["message"]
