"""What reports say of an image itself: build time, size, layers, configuration. The first to know it counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.report import ImageFacts
from governance.images.clean import clean_int, clean_text, clean_time
from governance.images.config import Config, store_config
from governance.images.layers import store_layers

DESCRIBE = """
UPDATE images_image SET
    built_at = coalesce(built_at, %(built_at)s::timestamptz), size = coalesce(size, %(size)s::bigint),
    top_layer_id = coalesce(top_layer_id, %(top_layer)s::bigint)
WHERE id = %(image)s
"""


def told_by(facts: ImageFacts) -> dict[str, Any]:
    """What decides whether a report has something to add to what is known of the image."""
    return {
        "layers": len(facts.diff_ids),
        "built_at": clean_time(facts.created),
        "configured": facts.config is not None,
    }


def system_of(facts: ImageFacts) -> dict[str, Any]:
    """What a scan keeps of its report's words on the system (`systems.sum_up`); some write Debian, some debian."""
    return {
        "distro": clean_text(facts.distro.strip().lower(), 60),
        "version_of_distro": clean_text(facts.distro_version, 60),
        "ended": facts.end_of_life,
    }


def describe(image: int, facts: ImageFacts, at: datetime) -> None:
    """Fill in what is not known yet of the image itself; `at` is when the report was made."""
    row = {
        **told_by(facts),
        "image": image,
        "size": clean_int(facts.size),
        "top_layer": store_layers(facts.diff_ids, facts.history),
    }
    with connection.cursor() as cursor:
        cursor.execute(DESCRIBE, row)
    if one := facts.config:
        run = Config(one.user, one.entrypoint, one.command, one.env, one.ports, one.healthcheck, one.labels, one.steps)
        store_config(image, run, at)
