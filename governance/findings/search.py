"""One search box for images: an identifier, a digest, or a name. Decided by the shape of what was typed.

Each way leads through an index to a short list of ids, so that a fleet of a million images answers as fast as ten.
"""

from __future__ import annotations

import re

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.findings.models import Advisory, Finding, FindingSet, Package, PackageSet
from governance.images.models import Image, Manifest, Repository, Tag

IDENTIFIER = re.compile(
    r"(CVE|CAN|GHSA|GO|GMS|DSA|DLA|RHSA|RHBA|ELSA|ALAS2?|USN|SNYK|PYSEC|RUSTSEC|OSV|TEMP)-\S+", re.I
)
ADVISORY = re.compile(r"[A-Za-z][A-Za-z0-9]*-\d{4}[-:]\S+")
DIGEST = re.compile(r"(?:(sha256|sha512|sha384):)?([0-9a-f]{8,128})")
CODES = {"": b"\x01", "sha256": b"\x01", "sha512": b"\x02", "sha384": b"\x03"}
# Up to this many ids are handed over as a list, which the planner can weigh; beyond, rows are tested one by one.
SHORT = 2_000


def search_images(images: QuerySet[Image], text: str) -> QuerySet[Image]:
    """Images that `text` names: a vulnerability's identifier, the beginning of a digest, a repository or a package."""
    word = text.strip().replace("\x00", "")
    if not word:
        return images
    if IDENTIFIER.fullmatch(word) or ADVISORY.fullmatch(word):
        if groups := vulnerability_ids(word):
            return images.filter(finding_set__in=sets_with(groups))
        return images.none()
    if digest := DIGEST.fullmatch(word.lower().rpartition("@")[2]):
        return images.filter(by_digest(digest[1] or "", digest[2]) | by_name(word))
    return images.filter(by_name(word))


def vulnerability_ids(identifier: str) -> list[int]:
    """Alias groups that hold the identifier, however its letters were typed."""
    prefix, _, rest = identifier.partition("-")
    spellings = {identifier, identifier.upper(), identifier.lower(), f"{prefix.upper()}-{rest.lower()}"}
    return list(Advisory.objects.filter(name__in=spellings).values_list("vulnerability", flat=True).distinct())


def sets_with(groups: list[int]) -> QuerySet[FindingSet]:
    """Finding sets that hold any finding of these vulnerabilities."""
    ids = list(Finding.objects.filter(advisory__vulnerability__in=groups).values_list("pk", flat=True))
    return FindingSet.objects.filter(findings__overlap=ids) if ids else FindingSet.objects.none()


def by_digest(algorithm: str, begin: str) -> Q:
    """Config and manifest digests that begin so: a range in the index."""
    code = CODES[algorithm]
    low = code + bytes.fromhex(begin + "0" * (len(begin) % 2))
    high = code + bytes.fromhex(begin + "f" * (len(begin) % 2)) + b"\xff" * 64
    named = Manifest.objects.filter(digest__gte=low, digest__lte=high).order_by().values_list("image", flat=True)
    return Q(config_digest__gte=low, config_digest__lte=high) | Q(pk__in=list(named[:SHORT]))


def by_name(word: str) -> Q:
    """Repositories with `word` in their name (`name:tag` narrows to a tag), or images that contain a package so called."""
    path, colon, tag = word.partition("@")[0].rpartition(":")
    if colon and "/" not in tag and (tagged := _tagged(path, tag)) is not None:
        return tagged
    return Q(repository__in=_repositories(word)) | _with_package(word)


def _repositories(word: str) -> list[int]:
    """Ids of repositories by a part of `host/name`."""
    host, slash, rest = word.partition("/")
    named = Q(name__icontains=word) | Q(registry__host__icontains=word)
    if slash and rest:
        named |= Q(registry__host__iendswith=host, name__istartswith=rest)
    return list(Repository.objects.filter(named).order_by().values_list("pk", flat=True)[:20_000])


def _tagged(path: str, tag: str) -> Q | None:
    """Images to which a tag of these repositories points or pointed; None if no repository is called so."""
    repositories = _repositories(path)
    if not repositories:
        return None
    tags = Tag.objects.filter(repository__in=repositories)
    tags = tags.filter(name__startswith=tag) if tag else tags
    return Q(pk__in=list(tags.order_by().values_list("image", flat=True).distinct()[:20_000]))


def _with_package(name: str) -> Q:
    """Images whose package list, or whose findings, hold a package of exactly this name."""
    packages = list(Package.objects.filter(name=name).values_list("pk", flat=True)[:20_000])
    if not packages:
        return Q(pk__in=[])
    holding = PackageSet.objects.filter(packages__overlap=packages)
    some = list(holding.order_by().values_list("pk", flat=True)[: SHORT + 1])
    if len(some) <= SHORT:
        return Q(package_set__in=some)
    # So common that a page is full after a few rows, whatever the order: test each row as it comes.
    return Q(Exists(holding.filter(pk=OuterRef("package_set"))))
