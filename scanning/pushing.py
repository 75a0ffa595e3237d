"""How one signs in to read a base where it comes from, and to write to a registry; the settings for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.scope import Viewer
from governance.approvals.copies import current_place, leave_place, name_place
from governance.images.reference import DOCKER_HUB
from governance.web.vault import NoKey, is_current, open_sealed, seal
from scanning.connections import HUB, named, only_administrators, target_of
from scanning.models import Connection
from scanning.models_copies import PushAccess
from scanning.registries import RegistryError, Target, find


def source_target(host: str) -> Target:
    """To read from: as the host is connected, else anonymously over https. RegistryError."""
    row = Connection.objects.filter(registry__host=host).select_related("registry").first()
    if row is not None:
        return target_of(row)
    if host == DOCKER_HUB:
        return Target(host, HUB, "dockerhub", trusted=find("dockerhub").trusted(host))
    return Target(host, f"https://{host}")


def push_target(host: str) -> Target:
    """To write to. RegistryError where nobody entered how."""
    row = Connection.objects.filter(registry__host=host).select_related("registry", "push_access").first()
    access = getattr(row, "push_access", None)
    if row is None or access is None:
        raise RegistryError(
            "auth", f"{host} has no push account here: connect it under Registries and enter who may push"
        )
    target = target_of(row)
    if access.secret is None:
        return target
    try:
        secret = open_sealed(bytes(access.secret), about(row))
    except NoKey as error:
        raise RegistryError("auth", str(error)) from error
    return replace(target, username=access.username, secret=secret, before=None)


def about(row: Connection) -> str:
    """What its push password is bound to."""
    return f"push {row.pk} {row.base_url}"


@transaction.atomic
def save_push(viewer: Viewer | None, row: Connection, said: dict[str, Any], secret: str | None = None) -> None:
    """Say who may push to a registry, and whether copies are kept there; `secret` as of `save_connection`.

    `said` has `username`, `keeps` (copies are kept there), `path` and `automatic`. Raises `PermissionDenied` and
    `ValidationError` by field.
    """
    only_administrators(viewer)
    access = PushAccess.objects.select_for_update().filter(connection=row).first()
    before = describe(row, access)
    access = access or PushAccess(connection=row)
    access.username = said.get("username", access.username).strip()
    if secret is not None:
        try:
            access.secret = seal(secret, about(row)) if secret else None
        except NoKey as error:
            raise ValidationError({"secret": f"{error}."}) from error
        access.secret_changed_at = timezone.now()
    access.save()
    if said.get("keeps"):
        name_place(viewer, row.registry, said.get("path", ""), said.get("automatic", True))
    else:
        leave_place(viewer, row.registry)
    after = describe(row, access) | ({"password": "changed"} if secret else {})
    audit(viewer, "registry.push", named(row), before=before, after=after)


@transaction.atomic
def stop_push(viewer: Viewer | None, row: Connection) -> None:
    """Nothing is written there any more; what is kept there stays, and is looked at with what it is crawled with."""
    only_administrators(viewer)
    before = describe(row, PushAccess.objects.filter(connection=row).first())
    PushAccess.objects.filter(connection=row).delete()
    leave_place(viewer, row.registry)
    audit(viewer, "registry.push", named(row), before=before, after={"push": False})


def describe(row: Connection, access: PushAccess | None) -> dict[str, Any]:
    """The settings for the audit trail, the password only as set or not."""
    place = current_place()
    kept = str(place) if place and place.registry_id == row.registry_id else None
    if access is None:
        return {"push": False, "copies": kept}
    return {"push": True, "username": access.username, "password": "set" if access.secret else "as for reading"} | {
        "copies": kept
    }


def reseal_push() -> int:
    """Seal push passwords under the newest key; returns how many that changed. Raises `NoKey`."""
    done = 0
    for access in PushAccess.objects.exclude(secret=None).select_related("connection").order_by("pk"):
        if not is_current(bytes(access.secret or b"")):
            where = about(access.connection)
            access.secret = seal(open_sealed(bytes(access.secret or b""), where), where)
            access.save(update_fields=["secret"])
            done += 1
    return done
