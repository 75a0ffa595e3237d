"""The clock sends names: each must be a task, and sending them must not load what runs them."""

import subprocess
import sys

from governance.beat import app as clock
from governance.celery import app as pool


def test_every_periodic_task_is_one_that_workers_know() -> None:
    pool.loader.import_default_modules()
    assert {row["task"] for row in clock.conf.beat_schedule.values()} <= set(pool.tasks)


def test_the_clock_loads_neither_django_s_apps_nor_the_tasks() -> None:
    looks = "import governance.beat as b, sys; b.app.loader.import_default_modules(); "
    looks += "sys.exit(bool({'scanning.tasks', 'governance.images.models', 'univers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", looks], check=False, env=None)
    assert done.returncode == 0


def test_periodic_work_does_not_wait_behind_hints() -> None:
    """A burst of reports leaves hundreds of hints; what the clock sends would expire behind them."""
    assert clock.conf.task_default_queue in {queue.name for queue in pool.conf.task_queues}
    with clock.connection_for_write() as connection, connection.default_channel.conn_or_acquire() as client:
        before = client.llen("celery"), client.llen("clock")
        clock.send_task("scanning.tasks.judge", connection=connection)
        assert (client.llen("celery"), client.llen("clock")) == (before[0], before[1] + 1)
        client.delete("clock")
