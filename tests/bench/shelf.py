"""The registry that is crawled: `python -m tests.bench.shelf TAGS` serves it and says its port."""

from __future__ import annotations

import sys

from tests.registry import Built, Shelf, make_built, make_index, make_layer, shelved

# Of each repository so many builds, every fourth an index of two platforms; a build has four tags or five.
REPOSITORIES, BUILDS = 12, 200


def build(repository: int, number: int) -> Built:
    """A build on one of six bases, of three layers that many share and two of its own."""
    base = [make_layer(base=f"{number % 6} {step}") for step in range(3)]
    own = [make_layer(app=f"{repository} {number} {step}") for step in range(2)]
    day = f"2026-{1 + number % 9:02}-{1 + number % 27:02}T10:00:00Z"
    if number % 4:
        return make_built(*base, *own, created=day)
    return make_index(*(make_built(*base, *own, created=day, arch=arch) for arch in ("amd64", "arm64")))


def shelf(tags: int) -> Shelf:
    """So many tags over all repositories."""
    made = Shelf()
    for repository in range(REPOSITORIES):
        name = f"team-{repository % 4}/service-{repository:02}"
        mine = tags // REPOSITORIES + (repository < tags % REPOSITORIES)
        builds = min(BUILDS, max(1, mine // 4))
        for number in range(builds):
            names = [f"{place % 97}.{place}" for place in range(number, mine, builds)]
            made.push(name, build(repository, number), *names)
    return made


if __name__ == "__main__":
    with shelved(shelf(int(sys.argv[1]))) as (served, _):
        print(served, flush=True)
        # Until whoever started it ends it, or is gone.
        sys.stdin.read()
