"""What runs where, as the API and the list of images tell it."""

from __future__ import annotations

import pytest

from governance.accounts.models import Team, User
from governance.images.models import Image
from governance.runtime.models import Agent, Cluster, Running, Workload
from tests.conftest import Machine
from tests.make import RUNS_SINCE as NOW
from tests.make import make_image, make_running

pytestmark = pytest.mark.django_db


def test_images_are_found_by_whether_they_run(reader: Machine) -> None:
    images = {word: make_image(f"registry.example/shop/{word}:1") for word in ("runs", "ran", "nobody-knows")}
    Image.objects.filter(pk=images["runs"].pk).update(running=2)
    Image.objects.filter(pk=images["ran"].pk).update(running=0, superseded=True)

    def found(query: str) -> set[str]:
        rows = reader.get(f"/api/v1/images/?{query}").json()["results"]
        return {row["reference"].rpartition("/")[2][:-2] for row in rows}

    assert found("running=true") == {"runs"}
    assert found("running=false") == {"ran"}
    assert found("running=unknown") == {"nobody-knows"}
    assert found("live=true") == {"runs", "nobody-knows"}
    assert reader.get("/api/v1/images/?running=maybe").status_code == 400


def test_workloads_are_told_of_an_image_and_of_a_vulnerability(
    reader: Machine, team: Team, mate: User, stranger: User
) -> None:
    image = make_image(team=team)
    row = make_running(image, written="registry.example/shop/api:1.0")
    stopped = make_running(image, "old", row.agent, stopped_at=NOW, last_seen=NOW)
    listed = reader.get(f"/api/v1/images/{image.pk}/workloads/").json()["results"]
    assert [(one["name"], one["state"]) for one in listed] == [("old", "stopped"), ("api", "running")]
    told = reader.get("/api/v1/vulnerabilities/CVE-2099-0001/").json()["workloads"]
    assert [(one["cluster"]["name"], one["namespace"], one["image"]["id"]) for one in told] == [
        ("prod-eu", "shop", image.pk)
    ]
    assert set(Running.objects.visible_to(mate)) == {row, stopped}
    assert not Running.objects.visible_to(stranger)
    assert not Workload.objects.visible_to(stranger)
    assert not Cluster.objects.visible_to(stranger)
    assert Cluster.objects.visible_to(mate).get() == row.agent.cluster


def test_workloads_are_narrowed_by_how_they_run(reader: Machine) -> None:
    image = make_image()
    first = make_running(image, "api", privileged=True, user="0:0", sandbox="none")
    make_running(image, "web", first.agent, privileged=False, user="1000", sandbox="gvisor")
    make_running(None, "stranger", first.agent)
    make_running(image, "gone", first.agent, stopped_at=NOW)

    def found(query: str) -> set[str]:
        answer = reader.get(f"/api/v1/workloads/?{query}")
        assert answer.status_code == 200, answer.content
        return {row["name"] for row in answer.json()["results"]}

    assert found("") == {"api", "web", "stranger"}
    assert found("state=stopped") == {"gone"}
    assert found("privileged=true") == found("root=true") == {"api"}
    assert found("sandbox=gvisor") == {"web"}
    assert found("findings=high") == found("vulnerability=cve-2099-0001") == {"api", "web"}
    assert found("findings=unscanned") == {"stranger"}
    assert found(f"image={image.pk}&q=WEB") == {"web"}
    Agent.objects.update(silent_since=NOW)
    assert not found("state=running")
    assert found("state=unknown") == {"api", "web", "stranger"}
