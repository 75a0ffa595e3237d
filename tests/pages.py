"""What pages say."""

from __future__ import annotations

import re

from django.test import Client


def text_of(client: Client, address: str, status: int = 200, **headers: str) -> str:
    """The page's markup with the white space of its layout folded."""
    answer = client.get(address, headers=headers)
    assert answer.status_code == status, address
    return re.sub(r"\s+", " ", answer.content.decode())
