"""What processes that stay running do without."""

from __future__ import annotations

from rest_framework import compat


def test_the_api_loads_no_library_that_it_does_not_use() -> None:
    assert compat.requests is None
    assert compat.markdown is None
