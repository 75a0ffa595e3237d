"""What an attestation is about: the image that its subject's digest names, whatever the predicate says of itself."""

from __future__ import annotations

import re

import msgspec

from governance.findings.report import ImageFacts, ImageScan, ReportError
from scanning.parsers.attestation_model import InToto
from scanning.parsers.image_config import digest_part, is_reference
from scanning.parsers.oci_purl import repository_of
from scanning.parsers.packages import split_purl
from scanning.parsers.scalars import text_of

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
MAX_SUBJECTS = 100
CONTRADICTED = "the predicate describes another image than the attestation's subject: only the subject's digest counts"


def names_of(statement: InToto) -> dict[str, tuple[str, ...]]:
    """Map the digest of each subject to the repositories it is named by. Raises `ReportError` for too many.

    BuildKit writes a purl for each name, or `_` where it knows none.
    """
    found: dict[str, list[str]] = {}
    for subject in statement.subjects or ():
        digest = text_of((subject.digest or {}).get("sha256"))
        if SHA256.fullmatch(digest):
            found.setdefault(f"sha256:{digest.lower()}", []).append(_repository(subject.name or ""))
    if len(found) > MAX_SUBJECTS:
        raise ReportError(f"the attestation has more than {MAX_SUBJECTS} subjects")
    return {digest: tuple(dict.fromkeys(filter(None, names))) for digest, names in found.items()}


def _repository(name: str) -> str:
    if purl := split_purl(name):
        return repository_of(purl) if purl.type in ("oci", "docker") else ""
    return name.partition("@")[0] if name != "_" and is_reference(name) else ""


def identified_by(
    subjects: dict[str, tuple[str, ...]], scans: tuple[ImageScan, ...]
) -> tuple[tuple[ImageScan, ...], tuple[str, ...]]:
    """Return the scans with the identity of the subjects, and what is to be noted.

    A predicate that names digests, and none of the subject's, was copied from elsewhere or names the index where the
    other names the manifest: then only the subject counts.
    """
    if not subjects or not scans:
        return scans, ()
    notes: dict[str, None] = {}
    made = []
    for scan in scans:
        inside = scan.image
        said = {digest_part(name) for name in inside.repo_digests} | {inside.manifest_digest} - {""}
        for digest, names in subjects.items():
            facts = inside
            if said and digest not in said:
                facts = ImageFacts(distro=inside.distro, distro_version=inside.distro_version)
                notes[CONTRADICTED] = None
            named = tuple(f"{name}@{digest}" for name in names)
            own = msgspec.structs.replace(
                facts,
                # Without a tag it names no tag; with the digest behind it, it does not mean `latest`.
                references=tuple(dict.fromkeys((*named, *facts.references))),
                repo_digests=tuple(dict.fromkeys((*(named or (digest,)), *facts.repo_digests))),
            )
            made.append(msgspec.structs.replace(scan, image=own))
    return tuple(made), tuple(notes)
