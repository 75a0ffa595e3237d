"""What is too costly to start for every module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scanning.agent.api_server import ApiServer


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A Kubernetes API server; who makes objects there takes them away again."""
    started = ApiServer(tmp_path_factory.mktemp("kubernetes"))
    yield started
    started.stop()
