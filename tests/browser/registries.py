"""Registries, sources of events and scans for the browser to look at, with hostile text wherever one may come from."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from governance.accounts.models import Team
from governance.images.models import Image
from scanning.connections import save_connection
from scanning.deliveries import Envelope, accept
from scanning.models import Connection, RepositoryCrawl
from scanning.models_scans import ScanJob
from scanning.webhook_sources import Wanted, add_source
from tests.make import make_body


def registries(team: Team, image: Image, text: str) -> list[str]:
    """One that is crawled, one that fails, one that is switched off; returns the addresses of their pages."""
    now = timezone.now()
    said = {"base_url": "http://registry.example", "is_insecure": True, "username": text[:200], "team": team}
    busy = save_connection(None, None, said, "s3cret")
    failing = save_connection(None, None, {"base_url": "https://failing.example"})
    save_connection(None, None, {"base_url": "https://off.example", "is_enabled": False})
    Connection.objects.filter(pk=busy.pk).update(listed_at=now, is_whole=True)
    Connection.objects.filter(pk=failing.pk).update(error=text[:500])
    crawls = {
        "shop/running": {"started_at": now, "tags_total": 400, "tags_done": 120},
        "shop/fine": {"success_at": now, "tags_total": 12_345, "tags_done": 12_345, "unread": 2},
        "shop/failing": {"error": text[:500], "failures": 3},
        "shop/gone": {"gone_at": now - timedelta(days=2)},
    }
    for name, fields in crawls.items():
        RepositoryCrawl.objects.create(connection=busy, name=name, **fields)
    source, _ = add_source(None, Wanted("registry", "shop", "registry.example"))
    accept(make_body({"events": text}), Envelope(origin=f"webhook:{source.pk}"), ring=False)
    ScanJob.objects.create(image=image, state="failed", why="person", error=text[:1000], finished_at=now)
    for number, other in enumerate(Image.objects.present().exclude(pk=image.pk)[:3]):
        ScanJob.objects.create(image=other, state=("waiting", "running", "done")[number], why="new", finished_at=now)
    own = f"/registries/{busy.pk}/"
    return [
        *("/registries/", "/registries/?q=nothing-is-called-so", "/registries/new/", own, f"{own}edit/", f"{own}push/"),
        *(f"{own}?state=failing", f"/registries/{failing.pk}/", "/deliveries/scans/"),
        *("/sources/webhooks/", f"/sources/webhooks/{source.pk}/"),
    ]
