"""The whole road of a broken report: sent over HTTP, worked off, told by the API and shown on every page."""

from __future__ import annotations

import logging
import random
import resource
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from django.test import Client

from governance.findings.models import Vulnerability
from governance.images.models import Image
from governance.runtime.models import BenchmarkRun
from scanning import ingest
from scanning.models import Delivery
from scanning.parsers import PARSERS
from tests.conftest import Machine
from tests.fuzz import hostile
from tests.fuzz.mutate import Case

# 400: nothing in it, or a parameter that no name can be. 422: the same again, and it is in quarantine.
SENT = {200, 202, 400, 415, 422}
# Put aside for what it is, not for a fault of ours (`Unexpected`) or a death (`Crashed`).
REFUSALS = {"ReportError", "UnknownFormat", "NotYours"}
# Of processor time, for a document of a few hundred kilobytes.
SECONDS = 20.0
IMAGE_TABS = ("", "findings/", "packages/", "layers/", "scans/", "timeline/", "checks/")
LISTS = ("/", "/images/", "/vulnerabilities/", "/deliveries/", "/posture/", "/posture/subjects/")
API_LISTS = ("images", "vulnerabilities", "benchmarks", "benchmarks/subjects")


class Heard(logging.Handler):
    """Keeps what the worker's log says of faults."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told = ""

    def emit(self, record: logging.LogRecord) -> None:
        """The exception, not only that there was one."""
        self.told += record.getMessage()
        if record.exc_info:
            self.told += "".join(traceback.format_exception(*record.exc_info, limit=-8))


class Road:
    """A machine that sends, a worker in this process, and a person who looks."""

    def __init__(self, secret: str, person: Client) -> None:
        self.machine = Machine(secret)
        self.machine.raise_request_exception = False
        self.person = person
        self.person.raise_request_exception = False
        self.heard = Heard()

    @contextmanager
    def limited(self, megabytes: int) -> Iterator[Road]:
        """This process has as much memory as a worker, as long as this lasts."""
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        logging.getLogger().addHandler(self.heard)
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, hard))
        try:
            yield self
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            logging.getLogger().removeHandler(self.heard)

    def travel(self, one: Case) -> str:
        """What is wrong with the way this case ended; "" if nothing is."""
        self.heard.told = ""
        started = time.process_time()
        answer = self.machine.post(f"/api/v1/reports/?{query_of(one)}", one.body, content_type="application/json")
        if answer.status_code not in SENT:
            return f"sending it was answered with {answer.status_code}\n{self.heard.told}"
        try:
            ingest.work_off()
        except Exception:  # noqa: BLE001 (the worker would have died of it)
            return f"the worker died: {traceback.format_exc(limit=-8)}"
        if time.process_time() - started > SECONDS:
            return f"it took {time.process_time() - started:.1f} s of processor time"
        return self.ending(answer.headers.get("Location", ""))

    def ending(self, address: str) -> str:
        """How it stands in the database and in the API."""
        unsettled = Delivery.objects.exclude(state=Delivery.State.DONE).exclude(error_class__in=REFUSALS)
        if row := unsettled.first():
            said = f"{row.state} after {row.attempts} attempts: {row.error_class} {row.error}"
            unsettled.update(state=Delivery.State.QUARANTINED, error_class="ReportError", error=said[:500])
            return f"{said}\n{self.heard.told}"
        if Delivery.objects.filter(state=Delivery.State.QUARANTINED, error="").exists():
            return "it was put aside without a reason"
        if address and (status := self.machine.get(address).status_code) != 200:
            return f"its resource is answered with {status}\n{self.heard.told}"
        return ""

    def look_around(self) -> list[str]:
        """Pages and API resources that do not answer, of the newest things."""
        images = Image.objects.present().order_by("-pk").values_list("pk", flat=True)[:3]
        paths = [*LISTS, *(f"/images/{pk}/{tab}" for pk in images for tab in IMAGE_TABS)]
        paths += [f"/deliveries/{pk}/" for pk in Delivery.objects.order_by("-pk").values_list("pk", flat=True)[:3]]
        runs = BenchmarkRun.objects.order_by("-pk").values_list("pk", flat=True)[:2]
        paths += [f"/posture/{pk}/{part}" for pk in runs for part in ("", "difference/")]
        paths += [f"/api/v1/{name}/" for name in API_LISTS]
        paths += [f"/api/v1/images/{pk}/{part}" for pk in images for part in ("", "findings/", "scans/", "timeline/")]
        newest = Vulnerability.objects.order_by("-pk").values_list("pk", flat=True)[:2]
        paths += [f"/api/v1/vulnerabilities/{pk}/" for pk in newest]
        wrong = []
        for path in paths:
            self.heard.told = ""
            if (status := self.person.get(path).status_code) != 200:
                wrong.append(f"{path} is answered with {status}\n{self.heard.told}")
        return wrong


def query_of(one: Case) -> str:
    """What the sender says beside it: mostly the truth, now and then nonsense."""
    chance = random.Random(f"query {one.seed}:{one.number}")
    said = {"stage": chance.choice(("ci", "registry", "runtime"))}
    kind = chance.random()
    if kind < 0.4:
        said["image"] = f"registry.example/fuzz/{one.parser}:{chance.randrange(4)}"
    elif kind < 0.5:
        said["image"] = chance.choice(hostile.TEXTS)[:500]
    elif kind < 0.55:
        said["subject"] = chance.choice(hostile.TEXTS)[:200]
    elif kind < 0.65:
        said["format"] = chance.choice((one.parser, chance.choice(PARSERS).NAME))
    return urlencode(said)
