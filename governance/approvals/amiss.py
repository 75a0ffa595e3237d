"""What is amiss upstream with the base of an image, for its page: the open alarms on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import JSONField, QuerySet
from django.db.models.expressions import RawSQL

from governance.approvals.keeping import ALARM_LOOKS
from governance.approvals.models import UpstreamAlarm
from governance.images.models import Image

# Of the direct base: by its content, and by the name where that alone was told. The texts of digests are compared.
ALARMS = """
(SELECT jsonb_agg(jsonb_build_object('kind', alarm.kind, 'text', alarm.text, 'name', watch.name, 'at', alarm.raised_at)
                  ORDER BY alarm.id)
 FROM approvals_upstreamalarm alarm JOIN approvals_watch watch ON watch.id = alarm.watch_id
 WHERE alarm.ended_at IS NULL AND (
    watch.name || ':' || nullif(watch.tag, '') IN
        (split_part(images_image.base_name, '@', 1), split_part(images_image.base_name, '@', 1) || ':latest')
    OR nullif(watch.digest, '') = split_part(images_image.base_name, '@', 2)
    OR EXISTS (
        SELECT FROM images_manifest WHERE image_id = images_image.base_id
           AND CASE get_byte(digest, 0) WHEN 1 THEN 'sha256:' WHEN 2 THEN 'sha512:' ELSE 'sha384:' END
               || encode(substr(digest, 2), 'hex') IN (alarm.before, watch.digest, watch.seen_digest))))
"""


@dataclass(frozen=True, slots=True)
class Amiss:
    """An open alarm: its kind, what it says, the repository it is on, since when, and the class of its mark."""

    kind: str
    text: str
    name: str
    at: datetime

    @property
    def look(self) -> str:
        """As the list of alarms shows it."""
        return ALARM_LOOKS.get(self.kind, "unknown")

    @property
    def words(self) -> str:
        """Its kind behind the base's name."""
        words = UpstreamAlarm.Kind(self.kind).label.lower()
        return f"{words} upstream" if self.kind in ("vanished", "repointed") else words


def with_alarms(images: QuerySet[Image]) -> QuerySet[Image]:
    """Each image with the open alarms on its base, for `amiss_with_base`."""
    return images.annotate(base_alarms=RawSQL(ALARMS, [], output_field=JSONField()))  # noqa: S611 (no value in it)


def amiss_with_base(image: Image) -> list[Amiss]:
    """The open alarms on the base of an image of `with_alarms`, the worst first."""
    kinds = list(UpstreamAlarm.Kind)
    found = vars(image)["base_alarms"] or []
    rows = [Amiss(one["kind"], one["text"], one["name"], datetime.fromisoformat(one["at"])) for one in found]
    return sorted(rows, key=lambda row: kinds.index(UpstreamAlarm.Kind(row.kind)))
