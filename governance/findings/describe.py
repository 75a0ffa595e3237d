"""What reports say of an image itself: system, build time, size, layers, configuration. The first to know it counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.life import follow_lives
from governance.findings.report import ImageFacts
from governance.images.clean import clean_int, clean_text, clean_time
from governance.images.config import Config, store_config
from governance.images.layers import store_layers

# Past its end stays past its end, so that the order in which scanners say so does not matter.
DESCRIBE = """
UPDATE images_image SET
    built_at = coalesce(built_at, %(built_at)s::timestamptz), size = coalesce(size, %(size)s::bigint),
    distro = coalesce(nullif(distro, ''), %(distro)s),
    distro_version = coalesce(nullif(distro_version, ''), %(version)s),
    end_of_life_said = coalesce(end_of_life_said OR %(ended)s::boolean, end_of_life_said, %(ended)s::boolean),
    top_layer_id = coalesce(top_layer_id, %(top_layer)s::bigint)
WHERE id = %(image)s
"""


def told_by(facts: ImageFacts) -> dict[str, Any]:
    """What decides whether a report has something to add to what is known of the image."""
    return {
        "layers": len(facts.diff_ids),
        "distro": clean_text(facts.distro, 60),
        "built_at": clean_time(facts.created),
        "ended": facts.end_of_life,
        "configured": facts.config is not None,
    }


def describe(image: int, facts: ImageFacts, at: datetime) -> None:
    """Fill in what is not known yet of the image itself; `at` is when the report was made."""
    row = {
        **told_by(facts),
        "image": image,
        "size": clean_int(facts.size),
        "version": clean_text(facts.distro_version, 60),
        "top_layer": store_layers(facts.diff_ids, facts.history),
    }
    with connection.cursor() as cursor:
        cursor.execute(DESCRIBE, row)
    follow_lives([image])
    if one := facts.config:
        run = Config(one.user, one.entrypoint, one.command, one.env, one.ports, one.healthcheck, one.labels, one.steps)
        store_config(image, run, at)
