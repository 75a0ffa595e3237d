"""What an image was built on: 100 build trees of known truth, told in any order, with right and wrong evidence."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import permutations

import pytest

from governance.findings.state import settle
from governance.images.claims import Claim, record_claims
from governance.images.clean import clean_time
from governance.images.models import BaseEdge, Image, LineageWork
from tests.make import deliver, digest_of, make_report

pytestmark = pytest.mark.django_db
Rung = BaseEdge.Rung
AT = clean_time("2026-08-20T09:00:00Z")


@dataclass
class Build:
    """One image as it was really built."""

    name: str
    parent: Build | None
    layers: tuple[str, ...]
    known: bool = True  # whether Portwarden ever hears of it
    claims: list[Claim] = field(default_factory=list)
    flattened: bool = False

    @property
    def reference(self) -> str:
        return f"registry.example/{self.name}:1"

    @property
    def config(self) -> str:
        return digest_of(f"config {self.name}")

    def arrive(self) -> None:
        """A scan tells of it, then what is said of its base."""
        day = 1 + len(self.layers)
        report = make_report(
            self.reference,
            config=self.config,
            vulnerabilities=[],
            at=f"2026-08-{day:02}T09:00:00Z",
            DiffIDs=list(self.layers),
        )
        deliver(report)
        if self.claims:
            record_claims(self.row().pk, self.claims, AT)

    def row(self) -> Image:
        return Image.objects.present().get(config_digest=self.config)


def build(name: str, parent: Build | None, layers: int = 1, **fields) -> Build:
    """An image on top of another, with layers of its own."""
    below = parent.layers if parent else ()
    return Build(name, parent, (*below, *(digest_of(f"{name} {number}") for number in range(layers))), **fields)


def bases() -> dict[str, tuple[str | None, int, bool, str]]:
    settle()
    assert not LineageWork.objects.exists()
    rows = Image.objects.present().select_related("base")
    return {
        row.reference: (row.base.reference if row.base else None, row.base_rung, row.base_is_sure, row.base_name)
        for row in rows
    }


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_nearest_known_image_below_is_the_base_in_every_order(order) -> None:
    base = build("os", None, 2)
    runtime = build("runtime", base)
    app = build("app", runtime, 3)
    for number in order:
        (base, runtime, app)[number].arrive()
    assert bases() == {
        base.reference: (None, 0, False, ""),
        runtime.reference: (base.reference, Rung.LAYERS, True, ""),
        app.reference: (runtime.reference, Rung.LAYERS, True, ""),
    }


def test_a_base_that_comes_later_moves_in_between() -> None:
    base, app = build("os", None), None
    runtime = build("runtime", base)
    app = build("app", runtime)
    base.arrive()
    app.arrive()
    assert bases()[app.reference][0] == base.reference
    runtime.arrive()
    assert bases()[app.reference][0] == runtime.reference


def test_an_earlier_build_of_the_same_repository_is_no_sure_base() -> None:
    base = build("os", None)
    first = build("app", base)
    second = build("app", first)
    second.name = "app"
    for one, tag in ((first, "1"), (second, "2")):
        report = make_report(f"registry.example/app:{tag}", config=digest_of(tag), DiffIDs=list(one.layers))
        deliver(report)
    assert bases()["registry.example/app:2"][:3] == ("registry.example/app:1", Rung.LAYERS, False)
    base.arrive()
    assert bases()["registry.example/app:2"][:3] == (base.reference, Rung.LAYERS, True)


def test_a_statement_that_the_layers_contradict_is_kept_and_not_believed() -> None:
    base, other = build("os", None), build("other", None)
    app = build("app", base)
    app.claims = [Claim(Rung.SIGNED, other.reference, other.config, "a liar")]
    for one in (base, other, app):
        one.arrive()
    assert bases()[app.reference] == (base.reference, Rung.LAYERS, True, "")
    assert BaseEdge.objects.get().agreement == BaseEdge.Agreement.CONTRADICTED


def test_a_base_that_nobody_has_is_shown_by_its_name() -> None:
    base = build("os", None)
    runtime = build("runtime", base, known=False)
    app = build("app", runtime, claims=[Claim(Rung.ANNOTATION, runtime.reference, digest_of("gone"), "manifest")])
    base.arrive()
    app.arrive()
    assert bases()[app.reference] == (base.reference, Rung.ANNOTATION, False, runtime.reference)


def test_a_name_that_moves_makes_what_the_layers_show_no_less_sure() -> None:
    base = build("os", None)
    app = build("app", base, claims=[Claim(Rung.ANNOTATION, base.reference, digest_of("another build"), "manifest")])
    for one in (base, app):
        one.arrive()
    assert bases()[app.reference] == (base.reference, Rung.ANNOTATION, True, "")


def test_layers_of_another_platform_are_no_base() -> None:
    amd, arm, app = (build(name, None) for name in ("amd", "arm", "app"))
    arm.layers, app.layers = amd.layers, (*amd.layers, digest_of("app"))
    for one, architecture in ((amd, "amd64"), (app, "arm64"), (arm, "arm64")):
        found = bases().get(app.reference)
        assert found is None or found[0] is None
        config = {"architecture": architecture, "os": "linux"}
        deliver(make_report(one.reference, one.config, DiffIDs=list(one.layers), ImageConfig=config))
    assert bases()[app.reference][:3] == (arm.reference, Rung.LAYERS, True)


def test_an_inherited_label_does_not_hide_the_parent() -> None:
    base = build("os", None)
    runtime = build("runtime", base)
    app = build("app", runtime, claims=[Claim(Rung.LABEL, base.reference, base.config, "label")])
    for one in (base, runtime, app):
        one.arrive()
    assert bases()[app.reference] == (runtime.reference, Rung.LAYERS, True, "")


def test_of_provenance_the_image_that_the_layers_confirm_is_the_base() -> None:
    base, builder = build("os", None), build("golang", None, 3)
    claims = [Claim(Rung.PROVENANCE, one.reference, one.config, "provenance") for one in (builder, base)]
    app = build("app", base, claims=claims)
    for one in (app, builder, base):
        one.arrive()
    assert bases()[app.reference] == (base.reference, Rung.PROVENANCE, True, "")


def test_a_single_layer_may_be_a_flattened_base() -> None:
    base = build("os", None, 2)
    app = Build("flat", base, (digest_of("everything"),), claims=[Claim(Rung.ANNOTATION, base.reference, base.config)])
    base.arrive()
    app.arrive()
    assert bases()[app.reference] == (base.reference, Rung.ANNOTATION, False, "")


def test_two_images_that_claim_each_other_do_not_hang() -> None:
    one, two = build("one", None), build("two", None)
    for here, there in ((one, two), (two, one)):
        here.layers = ()
        here.claims = [Claim(Rung.ANNOTATION, there.reference, there.config)]
        here.arrive()
    assert {row[0] for row in bases().values()} == {one.reference, two.reference}


def test_the_same_statement_again_writes_nothing() -> None:
    app = build("app", None, claims=[Claim(Rung.DECLARED, "docker.io/library/debian:12", "", "CI")])
    app.arrive()
    bases()
    record_claims(app.row().pk, [Claim(Rung.DECLARED, "debian:12")], AT)
    assert BaseEdge.objects.count() == 1
    assert not LineageWork.objects.exists()


def test_nonsense_is_no_statement() -> None:
    app = build("app", None)
    app.arrive()
    record_claims(app.row().pk, [Claim(Rung.DECLARED, "not a reference!"), Claim(Rung.LABEL, "\x00", "sha256:xx")], AT)
    assert not BaseEdge.objects.exists()


# -- generated trees ------------------------------------------------------------------------------------------------


def grow(dice: random.Random) -> list[Build]:
    """A tree of builds: three levels, some unknown, some flattened, some from nothing; with right and wrong claims."""
    tree: list[Build] = [build(f"root{number}", None, dice.randint(1, 3)) for number in range(dice.randint(1, 3))]
    for number in range(dice.randint(3, 8)):
        parent = dice.choice(tree)
        one = build(f"image{number}", parent, dice.randint(1, 3), known=dice.random() < 0.8)
        if dice.random() < 0.15 and len(one.layers) > 1:
            one.layers, one.flattened = (digest_of(f"flat {one.name} {dice.random()}"),), True
        tree.append(one)
    for one in tree:
        if one.parent and dice.random() < 0.5:
            one.claims.append(true_claim(dice, one.parent))
        if dice.random() < 0.2:
            # Somebody errs: only what is no ancestor at all is an error that layers can show.
            stranger = dice.choice(tree)
            if stranger not in lineage_of(one) and not one.flattened and not stranger.flattened and stranger.known:
                one.claims.append(Claim(Rung.SIGNED, stranger.reference, stranger.config, "mistaken"))
        if one.parent and one.parent.parent and dice.random() < 0.2:
            grandparent = one.parent.parent
            one.claims.append(Claim(Rung.LABEL, grandparent.reference, grandparent.config, "inherited label"))
    return tree


def true_claim(dice: random.Random, parent: Build) -> Claim:
    rung = dice.choice([Rung.DECLARED, Rung.ANNOTATION, Rung.PROVENANCE, Rung.SIGNED])
    return Claim(rung, parent.reference, parent.config if dice.random() < 0.7 else "", "true")


def lineage_of(one: Build) -> list[Build]:
    """The image itself and everything below it."""
    found = []
    while one:
        found.append(one)
        one = one.parent
    return found


def truth(one: Build) -> tuple[str | None, bool]:
    """(the base that the evidence shows, or None; whether layers prove it)."""
    claimed = any(claim.source == "true" for claim in one.claims)
    below = one.parent
    while below and not (below.known and one.layers[: len(below.layers)] == below.layers):
        below = below.parent
    if claimed and below is not one.parent:
        return one.parent.reference, False
    return (below.reference, True) if below else (None, False)


@pytest.mark.parametrize("seed", range(100))
def test_the_chosen_base_is_the_truth_wherever_there_is_evidence(seed: int) -> None:
    dice = random.Random(seed)
    tree = grow(dice)
    known = [one for one in tree if one.known]
    dice.shuffle(known)
    for one in known:
        one.arrive()
        if dice.random() < 0.3:
            settle()
    found = bases()
    for one in known:
        base, _, is_sure, name = found[one.reference]
        expected, proven = truth(one)
        assert is_sure == proven, one.name
        mistaken = any(claim.source == "mistaken" for claim in one.claims)
        if expected or not (mistaken and len(one.layers) == 1):
            # A single layer may be any base flattened: what errs about it is believed, and never for sure.
            assert (name or base) == expected, one.name
