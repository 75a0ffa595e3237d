"""Bases that images stand on directly which run or are current."""

from __future__ import annotations

from django.db import connection

from governance.briefings.scope import LIVE, Scope

USED = f"""
SELECT base.id, base.reference, count(*) AS images FROM images_image image
JOIN images_image base ON base.id = image.base_id
WHERE {LIVE} GROUP BY 1, 2 ORDER BY images DESC, base.id LIMIT 2000
"""


def used(scope: Scope) -> dict[int, str]:
    """{image: its reference}, those that most is built on first."""

    def ask() -> dict[int, str]:
        with connection.cursor() as cursor:
            cursor.execute(USED, scope.arguments)
            return {pk: reference or f"image {pk}" for pk, reference, _ in cursor.fetchall()}

    return scope.once("bases", ask)
