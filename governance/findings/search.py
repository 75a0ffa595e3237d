"""One search box for images: an identifier, a digest, or a name. Decided by the shape of what was typed.

Each way leads through an index to a short list of ids, so that a fleet of a million images answers as fast as ten.
"""

from __future__ import annotations

import re
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull

from governance.findings.models import Advisory, Finding, FindingSet, Package, PackageSet
from governance.images.models import Image, Manifest, Repository, Tag

IDENTIFIER = re.compile(
    r"(CVE|CAN|GHSA|GO|GMS|DSA|DLA|RHSA|RHBA|ELSA|ALAS2?|USN|SNYK|PYSEC|RUSTSEC|OSV|TEMP)-\S+", re.IGNORECASE
)
ADVISORY = re.compile(r"[A-Za-z][A-Za-z0-9]*-\d{4}[-:]\S+")
DIGEST = re.compile(r"(?:(sha256|sha512|sha384):)?([0-9a-f]{8,128})")
# OCI distribution-spec, "Pulling manifests": what a tag may be.
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
CODES = {"": b"\x01", "sha256": b"\x01", "sha512": b"\x02", "sha384": b"\x03"}
# Up to this many ids are handed over as a list, which the planner can weigh; beyond, rows are tested one by one.
SHORT = 2_000
# Fewer for sets, each of which many images share: a thousand of them are tens of thousands of images to sort.
FEW_SETS = 500


def search_images(images: QuerySet[Image], text: str) -> QuerySet[Image]:
    """Images that `text` names: a vulnerability's identifier, a digest's beginning, a repository, tag or package."""
    word = text.strip().replace("\x00", "")
    if not word:
        return images
    if IDENTIFIER.fullmatch(word) or ADVISORY.fullmatch(word):
        named = Finding.objects.filter(advisory__vulnerability__in=vulnerability_ids(word))
        return images.filter(having(list(named.values_list("pk", flat=True))))
    if digest := DIGEST.fullmatch(word.lower().rpartition("@")[2]):
        return images.filter(by_digest(digest[1] or "", digest[2]) | by_name(word))
    return images.filter(by_name(word))


def vulnerability_ids(identifier: str) -> list[int]:
    """Alias groups that hold the identifier, however its letters were typed."""
    prefix, _, rest = identifier.partition("-")
    spellings = {identifier, identifier.upper(), identifier.lower(), f"{prefix.upper()}-{rest.lower()}"}
    return list(Advisory.objects.filter(name__in=spellings).values_list("vulnerability", flat=True).distinct())


def having(findings: list[int]) -> Q:
    """Images whose finding set holds any of these findings."""
    if not findings:
        return Q(pk__in=[])
    return through("finding_set", FindingSet.objects.filter(findings__overlap=findings), FEW_SETS)


def through(column: str, holding: QuerySet[Any], short: int = SHORT) -> Q:
    """Images whose `column` points into `holding`, put so that neither a rare nor a common thing is slow.

    A short list is handed over as it is, so that the planner goes from the list to the images. Where it is long, a page
    is full after a few rows in whatever order, so each row is tested as it comes; a scalar subquery, because the
    planner would make an EXISTS a join or a hash of everything.
    """
    some = list(holding.order_by().values_list("pk", flat=True)[: short + 1])
    if len(some) <= short:
        return Q(**{f"{column}__in": some})
    return Q(IsNull(Subquery(holding.filter(pk=OuterRef(column)).values("pk")[:1]), False))


def by_digest(algorithm: str, begin: str) -> Q:
    """Config and manifest digests that begin so: a range in the index."""
    code = CODES[algorithm]
    low = code + bytes.fromhex(begin + "0" * (len(begin) % 2))
    high = code + bytes.fromhex(begin + "f" * (len(begin) % 2)) + b"\xff" * 64
    named = Manifest.objects.filter(digest__gte=low, digest__lte=high).order_by().values_list("image", flat=True)
    return Q(config_digest__gte=low, config_digest__lte=high) | Q(pk__in=list(named[:SHORT]))


def by_name(word: str) -> Q:
    """Repositories with `word` in their name (`name:tag` narrows to a tag), or images with such a tag or package."""
    path, colon, tag = word.partition("@")[0].rpartition(":")
    if colon and "/" not in tag:
        return _tagged(_repositories(path), tag)
    return through("repository", _repositories(word)) | _with_tag(word) | _with_package(word)


def _repositories(word: str) -> QuerySet[Repository]:
    """Repositories by a part of `host/name`."""
    host, slash, rest = word.partition("/")
    named = Q(name__icontains=word) | Q(registry__host__icontains=word)
    if slash and rest:
        named |= Q(registry__host__iendswith=host, name__istartswith=rest)
    return Repository.objects.filter(named)


def _tagged(repositories: QuerySet[Repository], tag: str) -> Q:
    """Images to which a tag of these repositories points or pointed."""
    some = list(repositories.values_list("pk", flat=True)[:SHORT])
    tags = Tag.objects.filter(repository__in=some, name__startswith=tag)
    return Q(pk__in=list(tags.order_by().values_list("image", flat=True).distinct()[:20_000]))


def _with_tag(word: str) -> Q:
    """Images to which a tag that begins so points or pointed; only that very tag where too many begin so."""
    if not TAG.fullmatch(word):
        return Q(pk__in=[])
    same = Tag.objects.filter(name=word)
    for tags in (Tag.objects.filter(name__startswith=word), same):
        some = list(tags.order_by().values_list("image", flat=True)[: SHORT + 1])
        if len(some) <= SHORT:
            return Q(pk__in=some)
    return Q(IsNull(Subquery(same.filter(image=OuterRef("pk")).values("pk")[:1]), False))


def _with_package(name: str) -> Q:
    """Images whose package list holds a package of exactly this name."""
    packages = list(Package.objects.filter(name=name).values_list("pk", flat=True)[:20_000])
    if not packages:
        return Q(pk__in=[])
    return through("package_set", PackageSet.objects.filter(packages__overlap=packages))
