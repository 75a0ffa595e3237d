"""Pages of what runs where."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import reverse

from governance.accounts.models import AuditEntry, Team, User
from governance.images.models import Image, Tag
from governance.runtime.counts import recount
from governance.runtime.models import Agent, Cluster, Running, Workload
from governance.web.tables import cell
from tests.make import RUNS_SINCE, make_image, make_running

pytestmark = pytest.mark.django_db
NASTY = "=cmd|' /C calc'!A0"


def text_of(client: Client, name: str, *args: Any, **query: Any) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200, answer.content[:300]
    return " ".join(answer.content.decode().split())


def rows_of(answer: Any) -> list[dict[str, str]]:
    """The lines of a CSV."""
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_without_an_agent_the_pages_say_how_to_run_one(as_admin: Client) -> None:
    for name in ("workloads:workload_list", "workloads:agent_list"):
        assert "/programs/portwarden-agent" in text_of(as_admin, name)


def test_a_silent_agent_is_seen_wherever_it_matters_and_can_be_removed(as_admin: Client, auditor: Client) -> None:
    image = make_image()
    running = make_running(image)
    Agent.objects.update(silent_since=RUNS_SINCE)
    recount([image.pk])
    assert "1 of 1 silent" in text_of(as_admin, "workloads:workload_list")
    assert "Agent silent" in text_of(as_admin, "workloads:workload_detail", running.workload_id)
    assert "Unknown" in text_of(as_admin, "images:image_workloads", image.pk)
    assert "unknown: no agent that is heard tells of it" in text_of(as_admin, "images:image_detail", image.pk)
    remove = reverse("workloads:agent_retire", args=[running.agent_id])
    assert auditor.post(remove).status_code == 403
    assert as_admin.post(remove).status_code == 302
    image.refresh_from_db()
    running.refresh_from_db()
    assert (image.running, running.stopped_at, Agent.objects.get().state) == (0, RUNS_SINCE, "retired")
    assert AuditEntry.objects.get(action="agent.retire").object == "agent kubernetes of prod-eu"
    assert "No agent matches" in text_of(as_admin, "workloads:agent_list")
    assert "prod-eu" in text_of(as_admin, "workloads:agent_list", state="retired")


def test_an_images_page_names_where_it_runs_first_where_most_of_it_does(as_admin: Client) -> None:
    image = make_image()
    agent = make_running(image, "api").agent
    make_running(image, "worker", agent)
    for number in range(4):
        make_running(image, f"job-{number}", stopped_at=RUNS_SINCE if number == 3 else None)
    silent = make_running(image, "silent").agent
    Cluster.objects.filter(pk=silent.cluster_id).update(name="nowhere")
    Agent.objects.filter(pk=silent.pk).update(silent_since=RUNS_SINCE)
    Cluster.objects.filter(pk=agent.cluster_id).update(name="", environment="production")
    recount([image.pk])
    page = text_of(as_admin, "images:image_detail", image.pk)
    assert re.search("uid-api . 2</a> production, told by kubernetes", page)
    assert "and 1 more" in page
    assert "nowhere" not in page


@pytest.fixture
def auditor(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create(username="auditor", role=User.Role.AUDITOR))
    return client


def test_a_running_image_that_its_tag_left_behind_is_marked(as_admin: Client) -> None:
    old, new = make_image("registry.example/shop/api:1"), make_image("registry.example/shop/api:2")
    repository = old.repository
    row = make_running(old, written="registry.example/shop/api:live", repository=repository, tag="live")
    now = {"repository": repository, "name": "live", "since": RUNS_SINCE, "last_seen": RUNS_SINCE}
    tag = Tag.objects.create(image=old, **now)
    assert "tag moved on" not in text_of(as_admin, "workloads:workload_list")
    Tag.objects.filter(pk=tag.pk).update(until=RUNS_SINCE + timedelta(hours=1))
    Tag.objects.create(image=new, **now | {"since": RUNS_SINCE + timedelta(hours=1)})
    for name, args in (("workload_list", ()), ("workload_detail", (row.workload_id,))):
        assert "tag moved on" in text_of(as_admin, f"workloads:{name}", *args)
    assert text_of(as_admin, "workloads:workload_list", drift="moved").count("tag moved on") == 1
    Image.objects.filter(pk=old.pk).update(superseded=True, running=1)
    assert "superseded" in text_of(as_admin, "images:image_detail", old.pk)


def test_a_vulnerability_leads_from_its_base_to_owners_and_into_a_table(as_admin: Client, team: Team) -> None:
    base, image, other = (make_image(f"registry.example/shop/{word}:1", team=team) for word in ("base", "api", "web"))
    Image.objects.filter(pk=image.pk).update(base=base)
    row = make_running(image, NASTY, written="@SUM(1)")
    Workload.objects.update(labels={"team": "shop"})
    for number in range(25):
        make_running(other, f"web{number}", row.agent)
    page = text_of(as_admin, "findings:vulnerability_detail", "CVE-2099-0001")
    assert "26 workloads</a> run it" in page
    assert page.index("own layers") < page.index("registry.example/shop/base:1")
    assert "and 15 more" in page
    assert "more base" not in page
    with patch("governance.overview.vulnerability_page.MOST_GROUNDS", 1):
        fewer = text_of(as_admin, "findings:vulnerability_detail", "CVE-2099-0001")
    assert "and 1 more base<" in fewer
    assert "registry.example/shop/base:1" not in fewer.split('id="workloads"')[1].split("</section>")[0]
    rows = rows_of(as_admin.get(reverse("findings:vulnerability_export", args=["CVE-2099-0001"])))
    assert len(rows) == 26
    told = rows[-1]
    assert (told["name"], told["as written"], told["teams"], told["owner"]) == (f"'{NASTY}", "'@SUM(1)", "shop", "shop")
    assert len(rows_of(as_admin.get(reverse("workloads:workload_export"), {"image": image.pk}))) == 1
    assert as_admin.get(reverse("workloads:workload_export"), {"image": "x"}).status_code == 400
    assert cell("  \n=1+1").startswith("'")
    assert cell("a=1") == "a=1"


def test_others_see_their_images_in_a_cluster_and_no_more(mate: User, stranger: User, team: Team) -> None:
    mine, theirs = make_image(team=team), make_image("registry.example/pay/api:1", team=stranger.teams.get())
    row = make_running(mine, "mine")
    make_running(theirs, "theirs", row.agent)
    client = Client()
    client.force_login(mate)
    page = text_of(client, "workloads:workload_list")
    assert "shop/mine" in page
    assert "theirs" not in page
    assert "pay/api" not in b"".join(client.get(reverse("workloads:workload_export")).streaming_content).decode()
    assert Cluster.objects.count() == 1


def test_a_page_of_workloads_asks_few_questions(as_admin: Client, django_assert_max_num_queries: Any) -> None:
    image = make_image()
    first = make_running(image, "w0", repository=image.repository, tag="1.0")
    for number in range(1, 60):
        make_running(image, f"w{number}", first.agent, repository=image.repository, tag="1.0")
    assert Running.objects.count() == 60
    # Frame and person; rows, clusters of the filter, count, agents, drift: nothing for each row.
    with django_assert_max_num_queries(15):
        text_of(as_admin, "workloads:workload_list")
    with django_assert_max_num_queries(15):
        text_of(as_admin, "workloads:agent_list")
    with django_assert_max_num_queries(15):
        text_of(as_admin, "images:image_workloads", image.pk)
