"""Every list and detail page, as an administrator and as a member of one team, on the fleet that seed.py wrote."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse

from governance.accounts.models import Membership, Team
from governance.findings.models import Scan, Vulnerability
from governance.images.models import Image, Repository
from scanning.models import Delivery

TIMES = 20
# Name of the URL, what is in its path, its query; those that do not exist (yet) are named in the result.
type Address = tuple[str, list[Any], str]


def chosen() -> Image:
    """An image in the middle of the fleet, with critical findings."""
    images = Image.objects.filter(finding_set__critical__gt=0).order_by("pk")
    return images[images.count() // 2]


def auditor() -> Any:
    """Somebody who sees everything, and is not kept."""
    return get_user_model()(username="auditor", role="auditor")


def addresses(image: Image, team: Team) -> list[Address]:
    """What to ask for. Everything is visible to the member of `team` as well, who is asked for the same."""
    repository = Repository.objects.get(pk=image.repository_id)
    vulnerability, rare = common_and_rare(image)
    delivery = Delivery.objects.filter(team=team).order_by("-pk")[0]
    images = ["", "q=service-00042", f"q={vulnerability}", f"q={image.config_digest}", "state=clean", "state=failed"]
    images += ["severity=critical", "severity=low", "place=ci-stale", "fixable=true", f"repository={repository.name}"]
    images += [f"team={team.name}", "stage=registry", "sort=risk", "exploited=true", "exploited=true&sort=risk"]
    found: list[Address] = [("overview:start", [], "")]
    found += [("images:image_list", [], query) for query in images]
    tabs = ("detail", "findings", "verdict", "packages", "layers", "lineage", "work", "rebuild", "workloads", "scans")
    found += [(f"images:image_{tab}", [image.pk], "") for tab in (*tabs, "timeline", "checks")]
    found += [("images:image_timeline", [image.pk], query) for query in ("place=decisions", "kind=rescanned&page=3")]
    found += [("images:image_list", [], f"lifecycle={stage}") for stage in Image.Lifecycle.values]
    found += [("workloads:workload_list", [], ""), ("approved:base_list", [], "")]
    found += [
        ("findings:vulnerability_list", [], query) for query in ("", "severity=5", "q=CVE-2099-10", "q=lib42", "q=flaw")
    ]
    found += [("findings:vulnerability_list", [], "sort=likely"), ("findings:vulnerability_list", [], "exploited=true")]
    found += [("feeds:feed_list", [], "")]
    source = Scan.objects.filter(image=image, stage="ci").latest("pk").source_id
    found += [("sources:source_list", [], query) for query in ("", "stage=ci", "silent=true")]
    found += [("sources:source_detail", [source], ""), ("api:source-list", [], ""), ("api:source-detail", [source], "")]
    found += [("images:image_list", [], f"source={source}&heard={word}") for word in ("in_time", "late", "failed")]
    found += [("images:image_list", [], "current=true&place=ci-stale")]
    found += [("bases:base_list", [], ""), ("bases:unknown", [], ""), ("images:image_list", [], f"base={image.pk}")]
    found += [("findings:vulnerability_detail", [name], "") for name in (vulnerability, rare)]
    found += [("scanning:delivery_list", [], query) for query in ("", "state=quarantined", "stage=registry")]
    found += [("scanning:delivery_detail", [delivery.pk], ""), ("accounts:token_list", [], "")]
    found += [("api:image-list", [], query) for query in ("", f"q={vulnerability}", "severity=critical")]
    found += [("api:image-detail", [image.pk], ""), ("api:vulnerability-detail", [vulnerability], "")]
    found += [
        (f"api:image-{name}", [image.pk], "")
        for name in ("findings", "lineage", "work", "timeline", "scans", "workloads")
    ]
    return [*found, ("api:vulnerability-list", [], ""), ("api:report-detail", [delivery.pk], "")]


def common_and_rare(image: Image) -> tuple[str, str]:
    """Of the image's vulnerabilities the one that most sets hold, and the one that fewest do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT advisory.vulnerability_id FROM findings_findingset s, unnest(s.findings) f"
            " JOIN findings_finding finding ON finding.id = f JOIN findings_advisory advisory"
            " ON advisory.id = finding.advisory_id"
            " WHERE f = ANY(SELECT unnest(findings) FROM findings_findingset WHERE id = %s)"
            " GROUP BY 1 ORDER BY count(*) DESC",
            [image.finding_set_id],
        )
        order = [row[0] for row in cursor.fetchall()]
    names = Vulnerability.objects.in_bulk([order[0], order[-1]])
    return names[order[0]].name, names[order[-1]].name


class Counter:
    """Counts statements."""

    def __init__(self) -> None:
        self.amount = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.amount += 1
        return execute(sql, params, many, context)


def ask(client: Client, path: str) -> dict[str, Any]:
    """Statements, bytes and milliseconds of one address."""
    counter, times, status, size = Counter(), [], 0, 0
    for number in range(TIMES + 1):
        began = time.perf_counter()
        if number == 1:
            with connection.execute_wrapper(counter):
                answer = client.get(path)
        else:
            answer = client.get(path)
        body = b"".join(answer) if answer.streaming else answer.content
        times.append((time.perf_counter() - began) * 1000)
        status, size = answer.status_code, len(body)
        if status >= 500:
            break
    times = sorted(times[1:] or times)
    return {
        "status": status,
        "statements": counter.amount,
        "bytes": size,
        "p50_ms": times[len(times) // 2],
        "p95_ms": times[min(len(times) - 1, int(len(times) * 0.95))],
    }


def second_page(client: Client, path: str) -> str:
    """The address of the next page of an API list, "" where there is none."""
    answer = client.get(path)
    return (answer.json().get("next") or "") if answer.status_code == 200 else ""


def measure() -> dict[str, Any]:
    """All addresses for both people."""
    image = chosen()
    team = Team.objects.get(pk=image.owners[0])
    people = get_user_model().objects
    admin = people.create(username="admin", role="admin", password="!")
    member = people.create(username="member", password="!")
    Membership.objects.create(user=member, team=team)
    rows: list[dict[str, Any]] = []
    missing: list[str] = []
    for person in (admin, member):
        client = Client(SERVER_NAME="localhost", raise_request_exception=False)
        client.force_login(person)
        for name, words, query in addresses(image, team):
            try:
                path = reverse(name, args=words)
            except NoReverseMatch:
                missing.append(name)
                continue
            path = f"{path}?{query}" if query else path
            row = {"who": person.username, "name": name, "query": query, **ask(client, path)}
            rows.append(row)
            if name == "api:image-list" and (following := second_page(client, path)):
                rows.append({**row, "query": f"{query} (second page)", **ask(client, following)})
    return {"pages": rows, "missing": sorted(set(missing))}
