"""The API's document is a promise: a change of it is seen in a change of this file."""

from io import StringIO
from pathlib import Path

from django.core.management import call_command

SNAPSHOT = Path(__file__).parent.parent / "docs" / "openapi.yaml"


def test_the_openapi_document_is_the_one_we_published() -> None:
    out = StringIO()
    call_command("spectacular", "--fail-on-warn", stdout=out)
    fresh = out.getvalue()
    assert fresh == SNAPSHOT.read_text(), "write it anew: make manage ARGS='spectacular --file docs/openapi.yaml'"
