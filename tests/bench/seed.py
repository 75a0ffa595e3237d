"""A fleet of any size straight into the tables: `python -m tests.bench.part seed IMAGES`.

The shape: a hundred builds per repository, a third of them with equal findings, about 340 findings and 300 packages per
image, one CI scan each and a registry scan for every second, one layer of its own and the others shared.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import zstandard
from django.apps import apps
from django.db import connection
from django.db.models import NOT_PROVIDED, Model
from django.utils import timezone
from psycopg import sql

from governance.accounts.models import Team
from governance.findings.models import Advisory, Finding, FindingSet, Package, PackageSet, Scan, Source, Vulnerability
from governance.images.models import Image, LayerNode, Manifest, Placement, Registry, Repository, Tag
from scanning.models import Delivery

TEAMS, VULNERABILITIES, FINDINGS, PACKAGES = 200, 5_000, 8_000, 20_000
BASES, BASE_FINDINGS, OWN_FINDINGS, PACKAGES_EACH = 40, 200, 150, 300
BUILDS, BUILDS_PER_SET = 100, 33
SOURCES = 40
SEVERITIES = (5, *[4] * 4, *[3] * 9, *[2] * 6)
DICE = random.Random(1)


def key(word: str) -> bytes:
    """16 bytes made of a word."""
    return hashlib.blake2b(word.encode(), digest_size=16).digest()


def defaults(model: type[Model], given: Sequence[str]) -> dict[str, Any]:
    """Columns that must have a value and were not given one, with the model's default."""
    found: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.column in given or field.null or field.has_db_default() or field.primary_key:
            continue
        value = field.get_default() if field.default is not NOT_PROVIDED or field.empty_strings_allowed else None
        found[field.column] = value
    return found


def copy(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows by COPY, the other columns with their defaults."""
    fixed = defaults(model, columns)
    names = sql.SQL(", ").join(map(sql.Identifier, [*columns, *fixed]))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model._meta.db_table), names)
    rest = tuple(fixed.values())
    with connection.cursor() as cursor, cursor.copy(statement) as into:
        for row in rows:
            into.write_row((*row, *rest))


def select(model: type[Model], columns: dict[str, str], source: str = "fact") -> None:
    """Write rows that the database computes: `INSERT INTO model (columns) SELECT expressions FROM source`."""
    fixed = defaults(model, list(columns))
    names = sql.SQL(", ").join(map(sql.Identifier, [*columns, *fixed]))
    literals = ["'{}'" if isinstance(value, list) else sql.Literal(value).as_string() for value in fixed.values()]
    into = sql.SQL("INSERT INTO {} ({}) SELECT ").format(sql.Identifier(model._meta.db_table), names).as_string()
    with connection.cursor() as cursor:
        cursor.execute(f"{into} {', '.join([*columns.values(), *literals])} FROM {source}")


def catalogue() -> list[tuple[int, int, int, bool]]:
    """Vulnerabilities, packages, findings; returns (vulnerability, package, severity, fixable) by finding id - 1."""
    severities = [DICE.choice(SEVERITIES) for _ in range(VULNERABILITIES)]
    names = [f"CVE-2099-{100_000 + number}" for number in range(VULNERABILITIES)]
    text = "An invented flaw for the benchmark: a crafted request makes the parser read beyond its buffer. " * 3
    copy(
        Vulnerability,
        ["id", "name", "title", "description", "severity", "cvss"],
        ((n, name, f"flaw {n}", text, severities[n - 1], severities[n - 1] * 1.9) for n, name in enumerate(names, 1)),
    )
    ghsa = [(f"GHSA-0000-0000-{100_000 + n}", n) for n in range(1, VULNERABILITIES + 1) if n % 3 == 0]
    copy(Advisory, ["id", "name", "vulnerability_id"], ((n, name, n) for n, name in enumerate(names, 1)))
    copy(Advisory, ["id", "name", "vulnerability_id"], ((VULNERABILITIES + n, *row) for n, row in enumerate(ghsa, 1)))
    copy(
        Package,
        ["id", "key", "type", "namespace", "name", "version"],
        (
            (n, key(f"package {n}"), "deb", "debian", f"lib{n % 4_000}", f"{n % 9}.{n // 4_000}-1")
            for n in range(1, PACKAGES + 1)
        ),
    )
    findings = []
    for _ in range(FINDINGS):
        vulnerability = DICE.randrange(VULNERABILITIES) + 1
        fixable = DICE.random() < 0.6
        findings.append((vulnerability, DICE.randrange(PACKAGES) + 1, severities[vulnerability - 1], fixable))
    words = {5: "CRITICAL", 4: "HIGH", 3: "MEDIUM", 2: "LOW"}
    copy(
        Finding,
        ["id", "key", "advisory_id", "package_id", "severity", "severity_word", "fixed_version", "status"],
        (
            (n, key(f"finding {n}"), v, p, s, words[s], "9.9-1" if fix else "", "fixed" if fix else "affected")
            for n, (v, p, s, fix) in enumerate(findings, 1)
        ),
    )
    return findings


def finding_sets(amount: int, findings: list[tuple[int, int, int, bool]]) -> None:
    """Sets as fleets have them: most of a base's findings and some of the application's own, few of them common."""
    bases = [DICE.sample(range(1, FINDINGS + 1), BASE_FINDINGS) for _ in range(BASES)]

    def rows() -> Iterable[tuple[Any, ...]]:
        for number in range(1, amount + 1):
            base = bases[number % BASES]
            ids = {pk for pk in base if DICE.random() < 0.97}
            # Squared: a few findings are everywhere, most are rare.
            ids |= {1 + int(DICE.random() ** 2 * FINDINGS) for _ in range(OWN_FINDINGS)}
            members = [] if number % 50 == 0 else sorted(min(pk, FINDINGS) for pk in ids)
            yield number, key(f"set {number}"), members, *count(members, findings)

    copy(
        FindingSet,
        ["id", "hash", "findings", "critical", "high", "medium", "low", "unknown", "fixable"],
        rows(),
    )


def count(members: Sequence[int], findings: list[tuple[int, int, int, bool]]) -> tuple[int, int, int, int, int, int]:
    """The counters of a set: distinct (vulnerability, package) at their worst severity."""
    lines: dict[tuple[int, int], tuple[int, bool]] = {}
    for pk in members:
        vulnerability, package, severity, fixable = findings[pk - 1]
        worst, any_fix = lines.get((vulnerability, package), (0, False))
        lines[vulnerability, package] = (max(worst, severity), any_fix or fixable)
    worst_ones = [severity for severity, _ in lines.values()]
    counts = [sum(severity == step for severity in worst_ones) for step in (5, 4, 3, 2)]
    return counts[0], counts[1], counts[2], counts[3], 0, sum(fixable for _, fixable in lines.values())


def package_sets(amount: int) -> None:
    """As many as finding sets."""
    packer = zstandard.ZstdCompressor(level=3)

    def rows() -> Iterable[tuple[Any, ...]]:
        for number in range(1, amount + 1):
            ids = sorted(DICE.sample(range(1, PACKAGES + 1), PACKAGES_EACH))
            yield (
                number,
                key(f"packages {number}"),
                ids,
                packer.compress(msgspec.json.encode([(pk, 1, "") for pk in ids])),
            )

    copy(PackageSet, ["id", "hash", "packages", "places"], rows())


# A row per image: number, repository, build there, sets, time (over the last two years, evenly).
FACTS = """
CREATE TEMPORARY TABLE fact AS
SELECT g, 1 + (g - 1) %% %(repositories)s AS r, (g - 1) / %(repositories)s AS b,
       1 + ((g - 1) %% %(repositories)s * 3 + (g - 1) / %(repositories)s / %(per_set)s) %% %(sets)s AS s,
       %(now)s::timestamptz - make_interval(mins => ((%(images)s - g) * 1000000::bigint / %(images)s)::int) AS at
FROM generate_series(1, %(images)s) g
"""
RANK = (
    "least(s.critical, 32767)::bigint << 48 | least(s.high, 65535)::bigint << 32"
    " | least(s.medium, 65535)::bigint << 16 | least(s.low, 65535)"
)
STATE = (
    "CASE WHEN cardinality(s.findings) > 0 THEN 'vulnerable' WHEN fact.b % 5 = 0 THEN 'stale'"
    " WHEN fact.b % 7 = 0 THEN 'failed' ELSE 'clean' END"
)


def digest(expression: str) -> str:
    """SQL for a packed sha256 digest of a text."""
    return rf"'\x01'::bytea || sha256(({expression})::bytea)"


def people(repositories: int) -> None:
    """Teams, one registry, repositories that belong to the teams in turn."""
    copy(Team, ["id", "name"], ((n, f"team-{n:03d}") for n in range(1, TEAMS + 1)))
    copy(Registry, ["id", "host"], [(1, "registry.bench.example")])
    copy(
        Repository,
        ["id", "registry_id", "name", "owner_id"],
        ((n, 1, f"group-{n % 50}/service-{n:05d}", n % TEAMS + 1) for n in range(1, repositories + 1)),
    )


def images(amount: int) -> None:
    """Layers and images."""
    select(
        LayerNode,
        {
            "id": "g",
            "chain_id": digest("'base ' || g"),
            "parent_id": "nullif(g - 1, 0)",
            "diff_id": digest("'b ' || g"),
            "depth": "g",
        },
        f"generate_series(1, {BASES}) g",
    )
    select(
        LayerNode,
        {
            "id": f"{BASES} + g",
            "chain_id": digest("'chain ' || g"),
            "parent_id": f"1 + g % {BASES}",
            "diff_id": digest("'diff ' || g"),
            "depth": f"2 + g % {BASES}",
            "created_by": "'COPY app /app # buildkit'",
        },
        f"generate_series(1, {amount}) g",
    )
    name = "'registry.bench.example/group-' || r % 50 || '/service-' || lpad(r::text, 5, '0') || ':build-' || b"
    select(
        Image,
        {
            "id": "fact.g",
            "config_digest": digest("'config ' || fact.g"),
            "config_source": "'trivy image ID'",
            "pushed": "true",
            "first_seen": "at",
            "os": "'linux'",
            "architecture": "'amd64'",
            "built_at": "at",
            "size": "80000000 + fact.g",
            "top_layer_id": f"{BASES} + fact.g",
            "distro": "'debian'",
            "distro_version": "'12.11'",
            "reference": name,
            "repository_id": "r",
            "owners": f"ARRAY[r % {TEAMS} + 1]::bigint[]",
            "state": STATE,
            "finding_set_id": "s.id",
            "package_set_id": "s.id",
            **{column: f"s.{column}" for column in ("critical", "high", "medium", "low", "unknown", "fixable")},
            "rank": RANK,
            "ci_at": "at",
            "registry_at": "CASE WHEN fact.b % 2 = 0 THEN at + interval '1 hour' END",
        },
        "fact JOIN findings_findingset s ON s.id = fact.s",
    )


def names() -> None:
    """Manifests, placements, tags."""
    select(
        Manifest,
        {
            "digest": digest("'manifest ' || g"),
            "image_id": "g",
            "kind": "'manifest'",
            "source": "'grype config'",
            "first_seen": "at",
        },
    )
    select(Placement, {"image_id": "g", "repository_id": "r", "first_seen": "at"})
    select(
        Tag,
        {
            "repository_id": "r",
            "name": "'build-' || b",
            "platform": "'linux/amd64'",
            "image_id": "g",
            "since": "at",
            "last_seen": "at",
        },
    )


def scans(amount: int) -> None:
    """A delivery and a scan per image from CI, and for every second one from the registry."""
    result = (
        '{"entries": 340, "findings": 340, "packages": 300, "by_severity": {"critical": 12, "high": 60}, "reasons": []}'
    )
    for number, (stage, scanner, step, offset) in enumerate((("ci", "trivy", 1, 0), ("registry", "grype", 2, amount))):
        sources(number * SOURCES, scanner, stage)
        where = f"fact WHERE b % {step} = 0"
        select(
            Delivery,
            {
                "id": f"g + {offset}",
                "source": "'token:1'",
                "key": f"'{stage} ' || g",
                "team_id": f"r % {TEAMS} + 1",
                "image": "'registry.bench.example/group-' || r % 50 || '/service-' || lpad(r::text, 5, '0')",
                "stage": f"'{stage}'",
                "body_sha256": "sha256(g::text::bytea)",
                "wire_bytes": "1000000",
                "raw_bytes": "1000000",
                "received_at": "at",
                "state": "CASE WHEN g % 500 = 0 THEN 'quarantined' ELSE 'done' END",
                "finished_at": "at",
                "format": f"'{scanner}'",
                "scanner": f"'{scanner}'",
                "kind": "'vulnerability'",
                "scanned_at": "at",
                "result": f"'{result}'::jsonb",
            },
            where,
        )
        select(
            Scan,
            {
                "image_id": "g",
                "scanner": f"'{scanner}'",
                "scanner_version": "'0.74.0'",
                "stage": f"'{stage}'",
                "outcome": "'assessed'",
                "scanned_at": "at",
                "received_at": "at",
                "delivery": f"g + {offset}",
                "finding_set_id": "s",
                "package_set_id": "s",
                "source_id": f"{number * SOURCES} + 1 + r % {SOURCES}",
                "identified_by": "'config'",
                "distro": "'debian'",
                "distro_version": "'12.11'",
                "is_current": "true",
            },
            where,
        )


def sources(after: int, scanner: str, stage: str) -> None:
    """Who sends, each for a few repositories."""
    heard = ["first_heard", "last_heard", "period", "pause", "pauses", "reports"]
    now = timezone.now()
    habit = (now - timedelta(days=200), now - timedelta(hours=1), now - timedelta(days=9), 90_000, 180, 9_000)
    copy(
        Source,
        ["id", "sender", "name", "scanner", "stage", *heard],
        ((after + n, f"registry:{n}", f"sender {n}", scanner, stage, *habit) for n in range(1, SOURCES + 1)),
    )


def settle() -> None:
    """Sequences behind the numbers given, statistics as after some days of autovacuum."""
    with connection.cursor() as cursor:
        for model in (Team, Registry, Repository, Vulnerability, Advisory, Package, Finding, FindingSet, PackageSet):
            _advance(cursor, model)
        for model in (LayerNode, Image, Delivery, Source):
            _advance(cursor, model)
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute("VACUUM ANALYZE")


def _advance(cursor: Any, model: type[Model]) -> None:
    table = model._meta.db_table
    cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")  # noqa: S608


def sizes() -> dict[str, int]:
    """Bytes on disk of each of our tables with its indexes."""
    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute("SELECT pg_total_relation_size(%s)", [model._meta.db_table])
            found[model._meta.db_table] = int(cursor.fetchone()[0])
    return found


def measure(images_wanted: str) -> dict[str, Any]:
    """Write the fleet; how long it took and what it takes on disk."""
    amount, began = int(images_wanted), time.monotonic()
    repositories, sets = max(10, amount // BUILDS), max(30, amount * 3 // 100)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET synchronous_commit = off")
    findings = catalogue()
    finding_sets(sets, findings)
    package_sets(sets)
    people(repositories)
    values = {
        "images": amount,
        "repositories": repositories,
        "sets": sets,
        "per_set": BUILDS_PER_SET,
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(FACTS, values)
    images(amount)
    names()
    scans(amount)
    settle()
    bytes_of = sizes()
    # The bodies and their deliveries are the inbox, kept for a time; everything else is the inventory.
    inventory = sum(size for table, size in bytes_of.items() if not table.startswith("scanning_"))
    return {
        "images": amount,
        "seconds": time.monotonic() - began,
        "bytes_per_image": inventory / amount,
        "bytes_per_delivery": bytes_of["scanning_delivery"] / (amount * 1.5),
        "tables": {table: size / amount for table, size in bytes_of.items() if size > amount},
    }
