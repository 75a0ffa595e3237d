"""Until when distributions get fixes: JSON in the shape of endoflife.date's `/api/v1/products/full`.

    {"generated_at": "…", "result": [{"name": "debian", "releases":
        [{"name": "12", "isEol": false, "eolFrom": "2026-06-10", "eoesFrom": "2028-06-30"}]}]}

Products that are no distribution are skipped. A list of one's own needs these members and no others.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import IO, Annotated

import msgspec

from governance.findings.enrichment import Life
from scanning.feeds.reading import FeedError, Reading, decode, moment

NAME = "endoflife"
TITLE = "End of life"
ABOUT = "The day after which a release of a distribution gets no more fixes."
EVERY, STALE = timedelta(hours=24), timedelta(days=60)
LIMIT, SHRINK = 64 * 2**20, 20
BUILT_IN: Path | None = Path(__file__).with_suffix(".json")
KEEP = False
OPTIONAL = False

# Product there to distribution here (the ID of os-release). Where two say the same release, the first one holds.
PRODUCTS = {
    "alpine": "alpine",
    "alpine-linux": "alpine",
    "almalinux": "almalinux",
    "amazon-linux": "amzn",
    "azure-linux": "azurelinux",
    "cbl-mariner": "mariner",
    "centos": "centos",
    "centos-stream": "centos",
    "debian": "debian",
    "fedora": "fedora",
    "opensuse": "opensuse-leap",
    "oracle-linux": "ol",
    "photon": "photon",
    "rhel": "rhel",
    "rocky-linux": "rocky",
    "sles": "sles",
    "ubuntu": "ubuntu",
}
# Whose extended support everybody gets, without a contract.
FREE_EXTENSION = {"debian"}
type Short = Annotated[str, msgspec.Meta(max_length=60)]


class Release(msgspec.Struct, rename="camel"):
    """One release."""

    name: Short
    is_eol: bool | None = None
    eol_from: date | None = None
    eoes_from: date | None = None


class Product(msgspec.Struct):
    """One product."""

    name: str
    releases: list[Release] | None = None


class Products(msgspec.Struct):
    """The whole document."""

    result: list[Product]
    generated_at: str = ""


def read(body: IO[bytes]) -> Reading:
    """Read the dates of all distributions we know."""
    found = decode(body, Products)
    lives: dict[tuple[str, str], Life] = {}
    for product in sorted(found.result, key=lambda product: product.name):
        distro = PRODUCTS.get(product.name, "")
        for release in (product.releases or []) if distro else []:
            extended = release.eoes_from if distro in FREE_EXTENSION else None
            ends = extended or release.eol_from
            life = Life(distro, release.name, ends, bool(release.is_eol) and ends is None)
            lives.setdefault((distro, release.name), life)
    if not lives:
        raise FeedError("it has no release of a distribution")
    return Reading(list(lives.values()), moment(found.generated_at))
