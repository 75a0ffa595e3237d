"""GitLab's container registry: a fork of CNCF Distribution that sends the same notifications (self-managed only)."""

from __future__ import annotations

from scanning.hooks.hints import MEBIBYTE
from scanning.hooks.proof import Scheme
from scanning.hooks.registry import read, sample

__all__ = ["HOST", "LIMIT", "NAME", "SCHEME", "TITLE", "read", "sample", "settings"]

NAME = "gitlab"
TITLE = "GitLab container registry"
SCHEME: Scheme = "bearer"
HOST = ""
LIMIT = 4 * MEBIBYTE


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """Omnibus' configuration; gitlab.com sends nothing."""
    text = (
        "registry['notifications'] = [\n  {\n    'name' => 'portwarden',\n"
        f"    'url' => '{address}',\n    'timeout' => '3s',\n    'threshold' => 5,\n    'backoff' => '10s',\n"
        f"    'headers' => {{ 'Authorization' => ['Bearer {secret}'] }}\n  }}\n]\n"
    )
    return (
        ("Add to /etc/gitlab/gitlab.rb, then run gitlab-ctl reconfigure", text),
        ("gitlab.com sends no events of its registry: let the pipeline post its scan, or rely on the crawl", ""),
    )
