"""The verbs of people: create, role, deactivate and reactivate, passwords."""

from __future__ import annotations

import re
import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from governance.accounts.audit import audit
from governance.accounts.models import User
from governance.accounts.scope import Viewer, administers

USERNAME = re.compile(r"[\w.@+-]{1,150}")
LAST = "This is the last administrator who can sign in: make somebody else one first."


def one_time_password() -> str:
    """144 random bits: shown once, to be changed by whoever gets it."""
    return secrets.token_urlsafe(18)


def only_administrators(viewer: Viewer | None) -> None:
    """Raise `PermissionDenied` for everybody else."""
    if not administers(viewer):
        raise PermissionDenied("only administrators change people")


@transaction.atomic
def create_person(viewer: Viewer | None, username: str, role: str, name: str = "", email: str = "") -> tuple[User, str]:
    """Create a person; returns them and their password, which is shown once and stored as a hash only."""
    only_administrators(viewer)
    checked_role(role)
    username = username.strip()
    if not USERNAME.fullmatch(username):
        raise ValidationError({"username": "Letters, digits and . @ + - _ only, at most 150."})
    taken = ValidationError({"username": "Somebody has this name already."})
    if User.objects.filter(username__iexact=username).exists():
        raise taken
    password = one_time_password()
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, password, role=role, name=name.strip(), email=email.strip())
    except IntegrityError as error:
        raise taken from error
    audit(viewer, "user.create", named(user), after={"role": role})
    return user, password


@transaction.atomic
def change_role(viewer: Viewer | None, user: User, role: str) -> User:
    """What a person may do everywhere; the same role again changes nothing."""
    only_administrators(viewer)
    checked_role(role)
    user = locked(user)
    if user.role != role:
        if user.role == User.Role.ADMIN:
            keep_an_administrator(user, "role")
        before, user.role = user.role, role
        user.save(update_fields=["role"])
        audit(viewer, "user.role", named(user), before={"role": before}, after={"role": role})
    return user


@transaction.atomic
def deactivate(viewer: Viewer | None, user: User) -> User:
    """Sessions and tokens of the person end at once, all that they did stays; again changes nothing."""
    only_administrators(viewer)
    user = locked(user)
    if user.is_active:
        keep_an_administrator(user, "active")
        if isinstance(viewer, User) and viewer.pk == user.pk:
            raise ValidationError({"active": "You cannot deactivate yourself: ask another administrator."})
        user.is_active = False
        user.save(update_fields=["is_active"])
        audit(viewer, "user.deactivate", named(user), before={"active": True}, after={"active": False})
    return user


@transaction.atomic
def reactivate(viewer: Viewer | None, user: User) -> User:
    """The person may sign in again, and their tokens that are neither revoked nor expired work again."""
    only_administrators(viewer)
    user = locked(user)
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
        audit(viewer, "user.reactivate", named(user), before={"active": False}, after={"active": True})
    return user


@transaction.atomic
def reset_password(viewer: Viewer | None, user: User) -> str:
    """Give somebody else a new password, shown once; their sessions end."""
    only_administrators(viewer)
    if isinstance(viewer, User) and viewer.pk == user.pk:
        raise ValidationError({"password": "Change your own password on your account page."})
    user, password = locked(user), one_time_password()
    user.set_password(password)
    user.save(update_fields=["password"])
    audit(viewer, "user.password.reset", named(user))
    return password


@transaction.atomic
def change_password(user: User, password: str) -> User:
    """One's own; whoever calls has asked for the old one. All other sessions of the person end."""
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    audit(user, "user.password", named(user))
    return user


def checked_role(role: str) -> None:
    """Raise `ValidationError` for a role that there is not."""
    if role not in User.Role.values:
        raise ValidationError({"role": f"The role must be one of {', '.join(User.Role.values)}."})


def locked(user: User) -> User:
    """The person as they are now, after locking every administrator: two cannot take the last two away at once."""
    list(User.objects.select_for_update().filter(role=User.Role.ADMIN).order_by("pk").values_list("pk"))
    return User.objects.select_for_update().get(pk=user.pk)


def keep_an_administrator(user: User, field: str) -> None:
    """Raise `ValidationError` where nobody else could administer any more."""
    others = User.objects.filter(role=User.Role.ADMIN, is_active=True).exclude(pk=user.pk)
    if user.is_admin and not others.exists():
        raise ValidationError({field: LAST})


def named(user: User) -> str:
    """How the audit trail names them."""
    return f"user {user.pk} {user.username}"
