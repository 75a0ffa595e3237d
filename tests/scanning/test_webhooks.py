"""The endpoint for events: who proves itself is stored, whoever does not learns nothing."""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from governance.accounts.models import AuditEntry, User
from governance.images.models import Image
from scanning.deliveries import claim
from scanning.hooks import HOOKS, find, google
from scanning.hooks.proof import signed
from scanning.ingest import process
from scanning.models import Delivery
from scanning.models_hooks import Look, WebhookSource
from scanning.webhook_sources import OVERLAP, Wanted, add_source, change_secret, remove_source, send_sample, switch
from tests.make import make_user

pytestmark = pytest.mark.django_db

AUDIENCE = "portwarden@shop.iam.gserviceaccount.com"
HOST = {"dockerhub": "docker.io", "github": "ghcr.io", "ecr": "123456789012.dkr.ecr.eu-west-1.amazonaws.com"}
KINDS = [hook.NAME for hook in HOOKS if hook.SCHEME != "google"]


def make_source(kind: str = "registry", **more: Any) -> tuple[WebhookSource, str]:
    """A source and its secret."""
    host = HOST.get(kind, "registry.example")
    return add_source(None, Wanted(kind, more.pop("name", "shop"), host, account=AUDIENCE, **more))


def sample(source: WebhookSource, tag: str = "1.0") -> bytes:
    hook = find(source.kind)
    assert hook is not None
    return json.dumps(hook.sample(source.registry.host, "shop/api", tag)).encode()


def send(source: WebhookSource, secret: str, body: bytes, *, proof: bytes | None = None, **headers: str) -> Any:
    """Send it, signed with `secret` (over `proof` if that is another body)."""
    hook = find(source.kind)
    assert hook is not None
    call = signed(hook.SCHEME, secret, body if proof is None else proof)
    named = f"{source.name}.{call.path}" if call.path else source.name
    return Client(enforce_csrf_checks=True).post(
        f"/webhooks/{source.kind}/{named}/", body, "application/json", headers={**call.headers, **headers}
    )


def work() -> None:
    while held := claim():
        process(held)


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_secret_is_stored_and_leads_to_a_look(kind: str) -> None:
    source, secret = make_source(kind)
    answer = send(source, secret, sample(source))
    assert answer.status_code == 200
    work()
    delivery = Delivery.objects.get(pk=answer.json()["id"])
    assert (delivery.state, delivery.kind, delivery.webhook) == ("done", "event", source)
    look = Look.objects.get()
    assert (look.registry, look.repository, look.tag) == (source.registry, "shop/api", "1.0")
    # Nothing that an event says becomes an image.
    assert not Image.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_or_missing_secret_is_refused_and_nothing_is_kept(kind: str) -> None:
    source, secret = make_source(kind)
    answers = [send(source, wrong, sample(source)) for wrong in ("", "wrong", secret[:-1], secret + "x", "é\x80")]
    answers.append(Client().post(f"/webhooks/{kind}/shop/", sample(source), "application/json"))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert not Delivery.objects.exists()
    source.refresh_from_db()
    assert source.refused_at
    assert source.state() == "refused"


@pytest.mark.parametrize("kind", ["github", "artifactory"])
def test_a_signature_is_of_this_body_alone(kind: str) -> None:
    source, secret = make_source(kind)
    body = sample(source)
    assert send(source, secret, body, proof=body + b" ").status_code == 401
    assert send(source, secret, body.replace(b"1.0", b"6.6"), proof=body).status_code == 401


def test_github_signs_as_it_publishes() -> None:
    # The vector of its documentation.
    call = signed("hub", "It's a Secret to Everybody", b"Hello, World!")
    wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert call.headers["x-hub-signature-256"] == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_event_again_is_one(kind: str) -> None:
    source, secret = make_source(kind)
    first, second = (send(source, secret, sample(source)) for _ in range(2))
    work()
    # Quay writes two pushes of one tag alike; both count, and become one look.
    assert second.json()["duplicate"] is (kind != "quay")
    assert Delivery.objects.count() == (2 if kind == "quay" else 1)
    assert first.status_code == second.status_code == 200
    assert Look.objects.count() == 1


def test_unknown_and_switched_off_sources_are_not_there() -> None:
    source, secret = make_source()
    for address in ("/webhooks/registry/other/", "/webhooks/nothing/shop/", "/webhooks/harbor/shop/"):
        assert Client().post(address, b"{}", "application/json").status_code == 404
    switch(None, source, on=False)
    assert send(source, secret, sample(source)).status_code == 404
    assert Client().get("/webhooks/registry/shop/").status_code == 405


def test_a_secret_that_was_changed_is_good_for_a_week_more(monkeypatch: pytest.MonkeyPatch) -> None:
    source, old = make_source()
    new = change_secret(None, source)
    source.refresh_from_db()
    assert (
        send(source, old, sample(source, "1")).status_code == send(source, new, sample(source, "2")).status_code == 200
    )
    WebhookSource.objects.update(previous_until=timezone.now() - OVERLAP)
    assert send(source, old, sample(source, "3")).status_code == 401
    assert send(source, new, sample(source, "4")).status_code == 200


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[" * 5_000, b"\xff\xfe{", b'{"events": 10}', b"{}", b"null"])
def test_nonsense_with_the_right_secret_is_kept_and_put_aside(body: bytes) -> None:
    source, secret = make_source()
    assert send(source, secret, body).status_code == 200
    work()
    delivery = Delivery.objects.get()
    assert delivery.state == "quarantined"
    assert delivery.error
    assert not Look.objects.exists()


def test_too_much_is_refused() -> None:
    source, secret = make_source("dockerhub")
    assert send(source, secret, b" " * (2**20 + 1)).status_code == 413
    assert send(source, secret, b"x", **{"Content-Encoding": "gzip"}).status_code == 415


def test_too_many_are_refused_for_now(settings: Any) -> None:
    settings.REPORTS_PER_MINUTE = 2
    source, secret = make_source()
    answers = [send(source, secret, sample(source, str(number))) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_a_secret_in_the_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    source, secret = make_source("dockerhub")
    with caplog.at_level(logging.DEBUG):
        send(source, secret, b" " * (2**20 + 1))
        send(source, secret, sample(source))
    assert secret not in caplog.text


def test_a_source_speaks_for_its_own_repositories_only() -> None:
    source, secret = make_source("registry", prefix="shop")
    other = json.dumps(find("registry").sample("registry.example", "other/api", "1.0")).encode()  # type: ignore[union-attr]
    assert send(source, secret, other).status_code == 200
    work()
    assert not Look.objects.exists()
    assert "outside" in Delivery.objects.get().result["reasons"][0]


def test_a_deletion_leads_to_the_repository_and_to_nothing_else() -> None:
    source, secret = make_source()
    event = {"action": "delete", "target": {"repository": "shop/api", "tag": "1.0"}}
    send(source, secret, json.dumps({"events": [event]}).encode())
    work()
    assert list(Look.objects.values_list("repository", "tag", "digest")) == [("shop/api", "", "")]


def test_an_event_of_a_source_that_was_removed_is_no_report() -> None:
    source, secret = make_source()
    send(source, secret, sample(source))
    remove_source(None, source)
    work()
    assert "was removed" in Delivery.objects.get().error
    assert not Image.objects.exists()


def test_the_secret_is_nowhere_in_the_database() -> None:
    source, secret = make_source()
    send(source, secret, sample(source))
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(row::text, '') FROM scanning_webhooksource row")
        (text,) = cursor.fetchone()
    entries = str(list(AuditEntry.objects.values()))
    assert secret not in text + entries
    assert secret.encode().hex() not in text


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted("nothing", "shop", "registry.example"), "kind"),
        (Wanted("registry", "", "registry.example"), "name"),
        (Wanted("registry", "a.b", "registry.example"), "name"),
        (Wanted("registry", "a/b", "registry.example"), "name"),
        (Wanted("registry", "shop", "not a host"), "host"),
        (Wanted("registry", "shop", ""), "host"),
        (Wanted("registry", "shop", "registry.example", prefix="../x"), "prefix"),
        (Wanted("gar", "shop", "eu-docker.pkg.dev"), "account"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(wanted: Wanted, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        add_source(None, wanted)
    assert field in refused.value.message_dict


def test_a_name_is_taken_once() -> None:
    make_source()
    with pytest.raises(ValidationError):
        make_source()
    make_source("harbor")


def test_a_test_goes_the_same_road(mate: User) -> None:
    source, _ = make_source("github")
    pk = send_sample(None, source, "shop/api:2.0")
    work()
    assert Delivery.objects.get(pk=pk).state == "done"
    assert Look.objects.get().tag == "2.0"
    with pytest.raises(ValidationError):
        send_sample(None, source, "https://other.example/x")
    with pytest.raises(PermissionDenied):
        send_sample(mate, source, "shop/api:2.0")


# Google


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2_048)


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(key: RSAPrivateKey, audience: str, head: dict[str, Any] | None = None, **claims: Any) -> str:
    said = {"iss": "https://accounts.google.com", "aud": audience, "exp": time.time() + 600, "email_verified": True}
    said |= {"email": AUDIENCE, **claims}
    signing = ".".join(coded(json.dumps(part).encode()) for part in (head or {"alg": "RS256", "kid": "k1"}, said))
    return f"{signing}.{coded(key.sign(signing.encode(), PKCS1v15(), SHA256()))}"


@pytest.fixture
def ring(key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Google's keys; returns how often they were fetched."""
    fetched: list[int] = []
    numbers = key.public_key().public_numbers()

    def fetch() -> dict[str, google.Key]:
        fetched.append(1)
        size = (numbers.n.bit_length() + 7) // 8
        return {"k1": google.Key("k1", coded(numbers.n.to_bytes(size)), coded(numbers.e.to_bytes(3)))}

    monkeypatch.setattr(google, "RING", google.KeyRing())
    monkeypatch.setattr(google, "fetch_keys", fetch)
    return fetched


def test_google_proves_itself_by_its_token(key: RSAPrivateKey, ring: list[int]) -> None:
    source, _ = make_source("gar")
    call = {"headers": {"Authorization": f"Bearer {token(key, source.address())}"}}
    for tag in ("1.0", "2.0"):
        answer = Client().post("/webhooks/gar/shop/", sample(source, tag), "application/json", **call)
        assert answer.status_code == 200
    work()
    assert Look.objects.count() == 2
    assert len(ring) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://other.example/"},
        {"exp": 1_000_000_000},
        {"email": "mallory@evil.iam.gserviceaccount.com"},
        {"email_verified": False},
        {"head": {"alg": "none", "kid": "k1"}},
        {"head": {"alg": "HS256", "kid": "k1"}},
        {"head": {"alg": "RS256", "kid": "k2"}},
    ],
    ids=str,
)
def test_a_token_of_somebody_else_or_for_something_else_is_refused(
    wrong: dict[str, Any], key: RSAPrivateKey, ring: list[int]
) -> None:
    source, _ = make_source("gar")
    word = token(key, wrong.pop("aud", source.address()), **wrong)
    for given in (word, word[:-8] + "AAAAAAAA", "a.b.c", "é", word * 10):
        headers = {"Authorization": f"Bearer {given}".encode().decode("latin-1")}
        assert Client().post("/webhooks/gar/shop/", b"{}", "application/json", headers=headers).status_code == 401
    assert not Delivery.objects.exists()
    assert len(ring) <= 1


def test_a_forged_signature_is_refused(key: RSAPrivateKey, ring: list[int]) -> None:
    source, _ = make_source("gar")
    forged = token(generate_private_key(65_537, 2_048), source.address())
    headers = {"Authorization": f"Bearer {forged}"}
    assert Client().post("/webhooks/gar/shop/", b"{}", "application/json", headers=headers).status_code == 401


def test_while_googles_keys_are_away_it_is_asked_to_come_back(
    key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> dict[str, google.Key]:
        raise google.KeysAway("away")

    monkeypatch.setattr(google, "RING", google.KeyRing())
    monkeypatch.setattr(google, "fetch_keys", away)
    source, _ = make_source("gar")
    headers = {"Authorization": f"Bearer {token(key, source.address())}"}
    for _ in range(2):
        answer = Client().post("/webhooks/gar/shop/", b"{}", "application/json", headers=headers)
        assert answer.status_code == 503
        assert answer["Retry-After"]


# Pages and API


def test_the_page_shows_what_to_paste_and_the_secret_once(client: Client, admin: User) -> None:
    client.force_login(admin)
    said = {"kind": "harbor", "name": "shop", "host": "registry.example", "below": "shop"}
    answer = client.post("/sources/webhooks/", said)
    assert answer.status_code == 201
    source = WebhookSource.objects.get()
    page = client.get(f"/sources/webhooks/{source.pk}/").content.decode()
    word = answer.content.decode().partition("Bearer ")[2][:43]
    assert send(source, word, sample(source)).status_code == 200
    assert word not in page
    assert "Bearer SECRET" in page
    assert "http://127.0.0.1:8000/webhooks/harbor/shop/" in page


@pytest.mark.parametrize("kind", ["dockerhub", "quay"])
def test_the_page_says_where_events_are_not_signed(kind: str, client: Client, admin: User) -> None:
    source, _ = make_source(kind)
    client.force_login(admin)
    page = client.get(f"/sources/webhooks/{source.pk}/").content.decode()
    assert "Not signed" in page
    assert "/shop.SECRET/" in page


def test_wrong_fields_are_shown_beside_them(client: Client, admin: User) -> None:
    client.force_login(admin)
    said = {"kind": "registry", "name": "shop", "host": "registry.example", "below": ".."}
    answer = client.post("/sources/webhooks/", said)
    assert answer.status_code == 422
    assert "id_below_error" in answer.content.decode()


def test_over_http(client: Client, admin: User) -> None:
    client.force_login(admin)
    said = {"kind": "quay", "name": "shop", "registry": "quay.example"}
    made = client.post("/api/v1/webhooks/", said, "application/json")
    assert made.status_code == 201
    assert made.json()["secret"] in made.json()["address"]
    pk = made.json()["id"]
    again = client.post(f"/api/v1/webhooks/{pk}/secret/").json()["secret"]
    assert again != made.json()["secret"]
    off = client.post(f"/api/v1/webhooks/{pk}/switch/", {"is_enabled": False}, "application/json").json()
    assert (off["is_enabled"], off["state"]) == (False, "off")
    assert "secret" not in client.get(f"/api/v1/webhooks/{pk}/").json()
    assert client.delete(f"/api/v1/webhooks/{pk}/").status_code == 204
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["webhook.add", "webhook.secret", "webhook.off", "webhook.remove"]


def test_auditors_look_only(client: Client) -> None:
    source, _ = make_source()
    client.force_login(make_user("auditor", role=User.Role.AUDITOR))
    assert "Add source" not in client.get("/sources/webhooks/").content.decode()
    for verb in ("secret", "switch", "remove", "test"):
        assert client.post(f"/sources/webhooks/{source.pk}/{verb}/", {"reference": "shop/api:1"}).status_code == 403
