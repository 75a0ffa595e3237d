"""A person's word on what an image was built on: who may, what it means, how it ends."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from governance.accounts.models import AuditEntry, Membership, Team, Token, User
from governance.images.correction import correct_base, correction_of, revoke_correction
from governance.images.descent import built_on, chain_of, descendants_of, evidence_for, nobody_knows, ties_of
from governance.images.models import BaseEdge, Event, Image
from tests.governance.images.trees import layers_of, make_tree_image, settled
from tests.make import make_token, make_user

pytestmark = pytest.mark.django_db
Rung = BaseEdge.Rung


@pytest.fixture
def base(team: Team) -> Image:
    return make_tree_image("os", layers_of("os"), ("CVE-2099-0001",), team)


@pytest.fixture
def flat(team: Team) -> Image:
    """Flattened: its layers say nothing."""
    return make_tree_image("flat", layers_of("flat"), ("CVE-2099-0001", "CVE-2099-0002"), team, day=2)


def test_a_statement_outranks_all_and_is_written_down(base: Image, flat: Image, owner: User) -> None:
    settled(flat)
    assert flat.base is None
    edge = correct_base(owner, flat, "registry.example/os:1", "squashed in the pipeline")
    settled(flat)
    assert (flat.base, flat.base_rung, flat.base_is_sure) == (base, Rung.CORRECTION, True)
    assert edge.base == base
    assert flat.split is not None
    assert flat.split.findings_total == 1
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.reason, entry.team_id) == ("base.correct", "squashed in the pipeline", flat.owners[0])
    assert (entry.before, entry.after) == ({"base": None}, {"base": "registry.example/os:1"})
    event = Event.objects.get(image=flat)
    assert event.kind == "based"
    assert event.text.endswith("squashed in the pipeline")
    assert "registry.example/os:1" in event.text


@pytest.mark.parametrize("how", ["digest", "number", "pinned"])
def test_every_way_of_naming_a_known_image_means_it(base: Image, flat: Image, owner: User, how: str) -> None:
    words = {
        "digest": base.config_digest,
        "number": str(base.pk),
        "pinned": f"registry.example/os@{base.config_digest}",
    }[how]
    assert correct_base(owner, flat, words or "", "known").base == base


def test_a_name_means_what_its_tag_pointed_to_at_the_build(base: Image, flat: Image, owner: User) -> None:
    make_tree_image("os", layers_of("newer os"), key="newer", day=9)
    assert correct_base(owner, flat, "registry.example/os:1", "then").base == base


def test_a_name_that_nobody_knows_is_kept_as_a_name(flat: Image, owner: User) -> None:
    correct_base(owner, flat, "alpine:3.20", "from the Dockerfile")
    settled(flat)
    assert (flat.base, flat.base_name, flat.base_is_sure) == (None, "docker.io/library/alpine:3.20", True)


def test_built_on_nothing_is_an_answer(flat: Image, owner: User) -> None:
    assert Image.objects.filter(nobody_knows()).contains(flat)
    correct_base(owner, flat, "scratch", "static binary")
    settled(flat)
    assert (flat.base, flat.base_name, flat.base_rung) == (None, "", Rung.CORRECTION)
    assert not Image.objects.filter(nobody_knows()).contains(flat)


def test_the_next_statement_takes_the_place_of_the_one_before(base: Image, flat: Image, owner: User) -> None:
    for words in ("registry.example/os:1", "scratch", "registry.example/os:1"):
        correct_base(owner, flat, words, f"now {words}")
    settled(flat)
    assert flat.base == base
    held = BaseEdge.objects.filter(image=flat, revoked_at=None)
    assert [edge.reason for edge in held] == ["now registry.example/os:1"]
    assert [one.is_revoked for one in evidence_for(flat)] == [False, True]


def test_taken_back_it_lets_evidence_speak_again(base: Image, owner: User, team: Team) -> None:
    app = make_tree_image("app", layers_of("os", "app"), (), team, day=2)
    correct_base(owner, app, "scratch", "a mistake")
    settled(app)
    assert app.base is None
    assert revoke_correction(owner, app, "it was one")
    settled(app)
    assert (app.base, app.base_rung) == (base, Rung.LAYERS)
    assert correction_of(app) is None
    assert AuditEntry.objects.latest("pk").action == "base.revoke"
    assert not revoke_correction(owner, app)


def test_no_circle(base: Image, team: Team, owner: User) -> None:
    middle = make_tree_image("middle", layers_of("os", "middle"), (), team, day=2)
    app = make_tree_image("app", layers_of("os", "middle", "app"), (), team, day=3)
    settled(base, middle, app)
    assert [step.image for step in chain_of(app.pk)] == [middle.pk, base.pk]
    with pytest.raises(ValidationError, match="circle"):
        correct_base(owner, base, str(app.pk), "round")
    with pytest.raises(ValidationError, match="its own base"):
        correct_base(owner, base, str(base.pk), "round")
    base.refresh_from_db()
    assert base.base is None


def test_a_circle_that_is_there_all_the_same_ends_every_walk(base: Image, flat: Image) -> None:
    Image.objects.filter(pk=base.pk).update(base=flat)
    Image.objects.filter(pk=flat.pk).update(base=base)
    assert [step.image for step in chain_of(base.pk)] == [flat.pk]
    assert descendants_of([base.pk]) == ([flat.pk], True)


@pytest.mark.parametrize("words", ["", "   ", "x/UPPER", "not a name", "sha256:abc", "999999", "a@b"])
def test_words_that_name_no_image_are_refused(flat: Image, owner: User, words: str) -> None:
    with pytest.raises(ValidationError):
        correct_base(owner, flat, words, "why")
    assert not BaseEdge.objects.exists()


def test_no_statement_without_a_reason(flat: Image, owner: User) -> None:
    with pytest.raises(ValidationError, match="why"):
        correct_base(owner, flat, "scratch", "  ")


def test_editors_of_the_owning_team_and_administrators_may(flat: Image, team: Team, admin: User) -> None:
    editor = make_user(team=team, membership=Membership.Role.EDITOR)
    machine = make_token(Token.Scope.ADMIN, team)[0]
    for viewer in (admin, editor, machine, None):
        correct_base(viewer, flat, "scratch", "may")


def test_nobody_else_may(flat: Image, team: Team, mate: User, stranger: User) -> None:
    triager = make_user(team=team, membership=Membership.Role.TRIAGER)
    auditor = make_user(role=User.Role.AUDITOR)
    foreign = make_token(Token.Scope.ADMIN, stranger.teams.get())[0]
    reads = make_token(Token.Scope.READ)[0]
    for viewer in (mate, triager, stranger, auditor, foreign, reads):
        with pytest.raises(PermissionDenied):
            correct_base(viewer, flat, "scratch", "may not")
        with pytest.raises(PermissionDenied):
            revoke_correction(viewer, flat)
    assert not BaseEdge.objects.exists()


def test_a_name_is_no_way_to_ask_what_others_have(flat: Image, owner: User, stranger: User) -> None:
    secret = make_tree_image("secret", layers_of("secret"), (), stranger.teams.get())
    assert correct_base(owner, flat, "registry.example/secret:1", "a guess").base is None
    with pytest.raises(ValidationError, match="not yours"):
        correct_base(owner, flat, str(secret.pk), "a guess")


def test_what_others_build_on_may_be_named(flat: Image, owner: User, stranger: User) -> None:
    theirs = stranger.teams.get()
    shared = make_tree_image("shared", layers_of("shared"), (), theirs)
    settled(make_tree_image("theirs", layers_of("shared", "theirs"), (), theirs, day=2))
    assert correct_base(owner, flat, "registry.example/shared:1", "it is").base == shared


def test_descendants_at_any_depth_and_ties(base: Image, team: Team) -> None:
    twin = make_tree_image("twin", layers_of("os"), (), team, day=1, key="twin")
    middle = make_tree_image("middle", layers_of("os", "middle"), (), team, day=2)
    app = make_tree_image("app", layers_of("os", "middle", "app"), (), team, day=3)
    settled(base, middle, app)
    below = {middle.base_id}
    assert below <= {base.pk, twin.pk}
    root = middle.base
    assert root is not None
    assert set(descendants_of([root.pk])[0]) == {middle.pk, app.pk}
    assert descendants_of([root.pk], 1) == ([middle.pk], False)
    assert ties_of(base.pk) == [twin.pk]


def test_a_long_list_of_descendants_is_asked_image_by_image(base: Image, team: Team, monkeypatch) -> None:
    middle = make_tree_image("middle", layers_of("os", "middle"), (), team, day=2)
    app = make_tree_image("app", layers_of("os", "middle", "app"), (), team, day=3)
    settled(middle, app)
    for short in (2_000, 1):
        monkeypatch.setattr("governance.images.descent.SHORT", short)
        assert set(built_on(Image.objects.present(), [base.pk])) == {middle, app}
        assert set(built_on(Image.objects.filter(owners__contains=[team.pk]), [middle.pk])) == {app}
