"""The agent against real engines: whatever happens in between, what is known ends equal to what the engine says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.images.models import Image
from governance.runtime.models import Agent as AgentRow
from governance.runtime.models import Running
from tests.parts import short_directory
from tests.scanning.agent.engines import Docker, Engine, Podman
from tests.scanning.agent.receiver import Agent, Receiver, eventually

pytestmark = pytest.mark.django_db(transaction=True)
API = "registry.example/shop/api"


@pytest.fixture(scope="module", params=[Podman, Docker], ids=["podman", "docker"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """With two images, under one name by and by."""
    with short_directory() as run:
        found: Engine = request.param(tmp_path_factory.mktemp("engine"), run)
        try:
            found.serve()
            found.make_image(f"{API}:1.0", "one")
            found.make_image(f"{API}:1.1", "two")
            yield found
        finally:
            found.stop()


def known() -> set[tuple[str, str]]:
    """The same, as Portwarden knows it."""
    rows = Running.objects.now().select_related("workload", "image")
    return {(row.workload.name, str(row.image.config_digest) if row.image else "") for row in rows}


def test_what_is_known_follows_the_engine_through_everything(engine: Engine, tmp_path: Path) -> None:
    engine.start("api", f"{API}:1.0", "--user", "1000", "--label", "team=shop")
    receiver = Receiver()
    with receiver, Agent(tmp_path, receiver, "--source", f"unix://{engine.socket}") as agent:
        eventually(known, engine.says(), agent.log)
        engine.start("web", f"{API}:1.1", *engine.privileged)
        eventually(known, engine.says(), agent.log)
        # The tag moves; what runs does not.
        engine.run("tag", f"{API}:1.1", f"{API}:1.0")
        engine.start("new", f"{API}:1.0")
        eventually(known, engine.says(), agent.log)
        assert {(row.workload.name, row.written) for row in Running.objects.now().select_related("workload")} == {
            ("api", f"{API}:1.0"),
            ("web", f"{API}:1.1"),
            ("new", f"{API}:1.0"),
        }
        agent.kill()
        engine.remove("new")
        agent.start()
        eventually(known, engine.says(), agent.log)
    assert {200, 202} >= set(receiver.statuses)
    with Agent(tmp_path, receiver, "--source", f"unix://{engine.socket}") as agent:
        # The server is away, and things go on.
        engine.run("stop", "--time", "0", "web")
        engine.start("late", f"{API}:1.1")
        time.sleep(1)
        assert known() != engine.says()
        with receiver:
            eventually(known, engine.says(), agent.log)
            # The engine dies and comes back; the containers outlive it.
            engine.kill()
            engine.serve()
            engine.run("kill", "late")
            engine.start("after", f"{API}:1.1")
            assert {name for name, _ in engine.says()} == {"api", "after"}
            eventually(known, engine.says(), agent.log)
    told = {row.workload.name: row for row in Running.objects.select_related("workload", "agent")}
    assert (told["api"].user, told["api"].privileged, told["api"].runtime, told["api"].sandbox) == (
        *("1000", False),
        *("runc", "none"),
    )
    assert told["api"].workload.owner == "shop"
    assert (told["web"].user, told["web"].privileged, told["web"].rootless) == ("root", bool(engine.privileged), False)
    assert told["web"].stopped_at is not None
    row = AgentRow.objects.get()
    assert (row.name, row.engine, row.state, row.is_doubled) == (engine.name, engine.name, "heard", False)
    assert sorted(Image.objects.values_list("running", flat=True)) == [1, 1]
