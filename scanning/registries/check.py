"""Trying a connection out: what works, what does not, and what to do about it. One step after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scanning.registries import Registry, RegistryError, Target, find, open_registry
from scanning.registries.paging import PATIENCE

# Seconds a list may take: somebody waits for the page.
SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried; `state` is `works`, `fails` or `open` (not tried, or not needed)."""

    name: str
    state: Literal["works", "fails", "open"]
    text: str


STEPS = ("Reach it", "Sign in", "List repositories", "List tags", "Read a manifest")


def check_target(target: Target, typed: Sequence[str] | None) -> list[Step]:
    """Try all steps; `typed` are repositories that were entered, so that none need be listed."""
    token = PATIENCE.set(SECONDS)
    try:
        found = [reach(target)]
        if found[0].state == "works":
            found += signed_in(target, typed)
    finally:
        PATIENCE.reset(token)
    rest = [Step(name, "open", "Not tried.") for name in STEPS[len(found) :]]
    return [*found, *rest]


def reach(target: Target) -> Step:
    """Name, network, TLS, and that a registry answers. Without credentials: any answer of a registry will do."""
    with Registry(replace(target, secret="")) as registry:
        try:
            registry.ping()
        except RegistryError as error:
            if error.why not in ("auth", "denied", "limited"):
                return Step(STEPS[0], "fails", str(error))
    how = "in plain text: passwords and images can be read on the way"
    if target.base_url.startswith("https://"):
        how = "its certificate is trusted" + (" (with the authority that was entered)" if target.ca else "")
    return Step(STEPS[0], "works", f"A registry answers at {target.base_url}; {how}.")


def signed_in(target: Target, typed: Sequence[str] | None) -> list[Step]:
    """The steps that need the credentials, as far as they lead."""
    found: list[Step] = []
    try:
        registry = open_registry(target)
    except RegistryError as error:
        return [Step(STEPS[1], "fails", str(error))]
    with registry:
        who = f"as {target.username or 'nobody in particular'}" if target.secret else "without a password"
        if not tried(found, STEPS[1], lambda: let_in(registry, who)):
            return found
        names = list(typed or ())
        if typed is not None:
            found.append(Step(STEPS[2], "open", "Not needed: the repositories are entered."))
        elif not tried(found, STEPS[2], lambda: listed(registry, target, names)):
            return found
        tags: list[str] = []
        if names and tried(found, STEPS[3], lambda: tagged(registry, names[0], tags)) and tags:
            tried(found, STEPS[4], lambda: manifest(registry, names[0], tags[0]))
    return found


def tried(found: list[Step], name: str, action: Callable[[], str]) -> bool:
    """Do it, and write down how it went."""
    try:
        found.append(Step(name, "works", action()))
    except RegistryError as error:
        found.append(Step(name, "fails", str(error)))
        return False
    return True


def let_in(registry: Registry, who: str) -> str:
    """The sign-in."""
    registry.ping()
    return f"Let in {who}."


def listed(registry: Registry, target: Target, names: list[str]) -> str:
    """The repositories, into `names`."""
    listing = find(target.kind).repositories(registry)
    names += listing.names
    more = "" if listing.complete else " or more"
    if not names:
        return "No repository is listed: this account may see none, or there is none yet."
    noun = "repository" if len(names) == 1 and listing.complete else "repositories"
    return f"{len(names):,}{more} {noun}, the first is {names[0]}."


def tagged(registry: Registry, name: str, tags: list[str]) -> str:
    """The tags of a repository, into `tags`."""
    tags += registry.tags(name).names
    return f"The repository {name} has {len(tags):,} tag{'' if len(tags) == 1 else 's'}."


def manifest(registry: Registry, name: str, tag: str) -> str:
    """What one tag names."""
    document = registry.document(name, tag)
    words = {"index": "an index of images", "image": "an image", "schema1": "an image in Docker's first format"}
    return f"The tag {name}:{tag} is {words.get(document.kind, 'no image')}, {document.digest[:19]}…"
