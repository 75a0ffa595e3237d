"""Portwarden's programs that run elsewhere: one file each, standard library only, handed out by the server.

The agent has several modules, so that its file is an archive that Python runs as it is.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import parse_etags

from scanning.programs.archive import agent_file

PROGRAMS = {"portwarden-gate": "portwarden_gate.py"}
AGENT = "portwarden-agent"
HERE = Path(__file__).parent


def program(request: HttpRequest, name: str) -> HttpResponse:
    """The file itself, for everybody: a build fetches it before it has any credential to show."""
    if name not in (*PROGRAMS, AGENT):
        raise Http404
    text = agent_file() if name == AGENT else HERE.joinpath(PROGRAMS[name]).read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    tag = f'"{digest}"'
    if tag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers={"ETag": tag})
    headers = {"ETag": tag, "X-Checksum-Sha256": digest, "Cache-Control": "public, max-age=300"}
    kind = "application/octet-stream" if name == AGENT else "text/x-python; charset=utf-8"
    return HttpResponse(text, content_type=kind, headers=headers)
