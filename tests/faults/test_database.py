"""PostgreSQL may die or hang up: what was acknowledged is there when it returns."""

from __future__ import annotations

import time

from tests.faults.instance import Instance, wait_until
from tests.faults.ledger import Ledger


def test_a_killed_database_loses_nothing_that_was_acknowledged(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for away in (0.0, 1.0, 3.0):
            load.works()
            instance.kill("postgres")
            refused = load.answers("503")
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
