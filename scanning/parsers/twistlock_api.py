"""Images of Twistlock's (Prisma Cloud Compute) console API: `/images`, `/registry`, `/scans`."""

from __future__ import annotations

import msgspec

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.document import Document, Shape, decode, members_of
from scanning.parsers.image_config import config_digest
from scanning.parsers.scalars import moment, text_of
from scanning.parsers.twistlock import facts_of, report_of
from scanning.parsers.twistlock_model import Job, Result, Step, Tag

NAME = "twistlock-api"
ONE = msgspec.json.Decoder(Result)
MANY = msgspec.json.Decoder(list[Result] | None)
JOB = msgspec.json.Decoder(Job)
JOBS = msgspec.json.Decoder(list[Job])
COUNTS = {"vulnerabilities", "vulnerabilitiesCount", "vulnerabilityDistribution"}
OWN = {"repoTag", "osDistro", "complianceIssues", "packageManager"}
# Kinds of what is no image.
OTHERS = {"host", "function", "serverless", "vm", "codeRepo"}


def recognises(document: Document) -> bool:
    """An image with the members that only the console has, or a scan in CI; alone or in a list."""
    members = document.first() if document.shape == Shape.LIST else document.members
    return _is_image(members_of(members.get("entityInfo"))) or _is_image(members)


def _is_image(members: dict[str, msgspec.Raw]) -> bool:
    return "scanTime" in members and not COUNTS.isdisjoint(members) and not OWN.isdisjoint(members)


def parse(document: Document) -> ScanReport:
    """Read the images."""
    is_list = document.shape == Shape.LIST
    members = document.first() if is_list else document.members
    if "entityInfo" in members:
        jobs = decode(JOBS, document.body) if is_list else [decode(JOB, document.body)]
        results = [_of_job(job) for job in jobs]
    elif is_list or document.shape == Shape.NULL:
        results = decode(MANY, document.body) or []
    else:
        results = [decode(ONE, document.body)]
    images = [one for one in results if text_of(one.type) not in OTHERS]
    others = len(results) - len(images)
    note = f"hosts and functions, which are no images, were left out: {others:,}"
    return report_of(NAME, images, [_facts(one) for one in images], (note,) if others else ())


def _of_job(job: Job) -> Result:
    """Return the image of a scan in CI, with the scan's time and version where it has none."""
    one = job.entity_info or Result()
    if moment(one.scan_time) is None:
        one.scan_time = job.time
    one.scan_version = one.scan_version or job.version
    return one


def _facts(one: Result) -> ImageFacts:
    """Add what only the API says: every tag, digests of registries, layers bottom first."""
    tags = [tag for tag in (one.repo_tag, *(one.tags or ())) if isinstance(tag, Tag)]
    digests = [text_of(digest) for digest in one.repo_digests or ()]
    named = [digest for digest in digests if "@sha256:" in digest]
    named += [f"{_repository(tag)}@{digest}" for tag in tags if (digest := text_of(tag.digest)) and _repository(tag)]
    diff_ids = tuple(map(text_of, one.layers or ()))
    repo_digests = tuple(dict.fromkeys(named))
    number = text_of(one.id) or text_of(one.under_id)
    return msgspec.structs.replace(
        facts_of(one),
        references=tuple(dict.fromkeys(filter(None, map(_reference, tags)))),
        config_digest=config_digest(number if number.startswith("sha256:") else "", repo_digests),
        repo_digests=repo_digests,
        # The console says only that an image is for ARM.
        architecture="arm64" if one.is_arm64 else "",
        diff_ids=diff_ids,
        history=_history(one.history or [], len(diff_ids)),
    )


def _repository(tag: Tag) -> str:
    return "/".join(filter(None, (text_of(tag.registry), text_of(tag.repo)))) if text_of(tag.repo) else ""


def _reference(tag: Tag) -> str:
    repository, name = _repository(tag), text_of(tag.tag)
    return f"{repository}:{name}" if repository and name else repository


def _history(steps: list[Step], layers: int) -> tuple[str, ...]:
    """Return the command of each layer; nothing where history and layers do not match one to one."""
    told = tuple(text_of(step.instruction) for step in steps if not step.empty_layer)
    return told if len(told) == layers else ()
