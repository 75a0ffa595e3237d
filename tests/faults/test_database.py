"""PostgreSQL may die or hang up: what was acknowledged is there when it returns."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

import psycopg

from tests.faults.instance import LEASE_SECONDS, Instance, wait_until
from tests.faults.ledger import Ledger


def test_a_killed_database_loses_nothing_that_was_acknowledged(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for away in (0.0, 1.0, 3.0):
            load.works()
            refused = load.answers("503")
            instance.kill("postgres")
            wait_until(lambda refused=refused: load.answers("503") > refused, "senders are told to come back")
            time.sleep(away)
            instance.start_postgres()
        load.works()


def test_cut_connections_are_made_again(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(8):
            accepted = load.acknowledged
            wait_until(lambda accepted=accepted: load.acknowledged > accepted + 20, "reports are accepted")
            assert instance.cut_connections()
        load.works()


def test_a_database_that_takes_no_more_connections_is_waited_for(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        load.works()
        refused = load.answers("503")
        with ExitStack() as guests:

            def crowded() -> bool:
                instance.cut_connections()
                with suppress(psycopg.OperationalError):
                    while True:
                        guests.enter_context(psycopg.connect(instance.cluster.url(), application_name="guest"))
                return load.answers("503") > refused + 10

            wait_until(crowded, "senders are told to come back")
        load.works()


def test_a_frozen_database_makes_everybody_wait_and_nothing_else(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(2):
            load.works()
            instance.freeze("postgres")
            # Longer than a lease: whoever worked has lost it when the database goes on.
            time.sleep(LEASE_SECONDS + 1)
            instance.thaw("postgres")
        load.works()


def test_a_power_cut_loses_nothing_that_was_acknowledged(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        load.works()
        for name in ("postgres", "valkey", "web", "worker"):
            instance.kill(name)
        instance.mend()
        load.works()


def test_pages_say_that_the_database_is_away(instance: Instance, ledger: Ledger) -> None:
    instance.kill("postgres")
    try:
        pages = ["/", "/login/", "/images/", "/vulnerabilities/", "/deliveries/", "/api/v1/images/", "/metrics"]
        session = f"session={'a' * 32}"
        answers = {page: instance.status(page, Cookie=session) for page in pages}
    finally:
        instance.start_postgres()
    assert set(answers.values()) <= {200, 503}, answers


def test_a_cluster_is_answered_within_its_second_without_a_database(instance: Instance, ledger: Ledger) -> None:
    token = instance.manage("token", "create", "cluster", "--scope", "agent")
    pod = {"spec": {"containers": [{"image": "registry.example/shop/api:1"}]}}
    request = {"uid": "1", "kind": {"kind": "Pod"}, "operation": "CREATE", "object": pod}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}

    def answered() -> tuple[str, float]:
        began = time.monotonic()
        said = instance.post(f"/admission/validate/{token}/", review)["response"]
        assert said["allowed"]
        return said["auditAnnotations"]["verdict"], time.monotonic() - began

    assert answered()[0] == "unknown"
    for hurt, mend in ((instance.freeze, instance.thaw), (instance.kill, lambda _: instance.start_postgres())):
        hurt("postgres")
        try:
            said = [answered() for _ in range(6)]
        finally:
            mend("postgres")
        assert "down" in {verdict for verdict, _ in said}
        assert max(seconds for _, seconds in said) < 1.2, said
        wait_until(lambda: answered()[0] == "unknown", "it looks things up again")
