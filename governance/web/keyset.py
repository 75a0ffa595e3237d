"""Paging by the last row seen instead of by number: as fast on page 10,000 as on the first."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet

COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in their order; cursors for the pages around them (None at the ends)."""

    rows: list[Any]
    newer: str | None
    older: str | None


def encode(values: Sequence[Any], backwards: bool) -> str:
    """A cursor: the sort values of a row and the direction, as an opaque word."""
    plain = [value.isoformat() if isinstance(value, date | datetime) else value for value in values]
    return base64.urlsafe_b64encode(msgspec.json.encode([backwards, *plain])).decode().rstrip("=")


def decode(cursor: str, length: int) -> tuple[bool, list[Any]]:
    """Read a cursor. Raises ValidationError for one that we did not make."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        backwards, *values = msgspec.json.decode(raw, type=list[str | int | float | bool | None])
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise ValidationError("this page's address is damaged: start again from the list") from error
    if len(values) != length or not isinstance(backwards, bool):
        raise ValidationError("this page's address is damaged: start again from the list")
    return backwards, values


def paginate(queryset: QuerySet[Any], order: Sequence[str], size: int, cursor: str = "") -> Page:
    """One page of `queryset` by `order` (field names, `-` for descending, the last one unique).

    NULLs come last in either direction, as in an index declared `DESC NULLS LAST`; a page never needs an OFFSET.
    """
    backwards, values = decode(cursor, len(order)) if cursor else (False, [])
    rows = queryset.order_by(*(_term(queryset, name, backwards) for name in order))
    if values:
        try:
            rows = rows.filter(_beyond(order, values, backwards))
        except (TypeError, ValueError) as error:
            raise ValidationError("this page's address is damaged: start again from the list") from error
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    newer = bool(values) if not backwards else more
    older = more if not backwards else True
    return Page(
        found,
        encode(_values(found[0], order), True) if found and newer else None,
        encode(_values(found[-1], order), False) if found and older else None,
    )


def _term(queryset: QuerySet[Any], name: str, backwards: bool) -> Any:
    descending = name.startswith("-") != backwards
    word = name.lstrip("-")
    column = F(word)
    if word == "pk" or not getattr(queryset.model._meta.get_field(word), "null", False):
        # A plain order for what is never NULL: PostgreSQL takes an index only if its NULLS FIRST or LAST is the same.
        return column.desc() if descending else column.asc()
    if backwards:
        return column.desc(nulls_first=True) if descending else column.asc(nulls_first=True)
    return column.desc(nulls_last=True) if descending else column.asc(nulls_last=True)


def _beyond(order: Sequence[str], values: Sequence[Any], backwards: bool) -> Q:
    """Rows after the cursor: the first column beyond it, or equal and the next beyond, and so on."""
    condition, equal = Q(pk__in=[]), Q()
    for name, value in zip(order, values, strict=True):
        field = name.lstrip("-")
        condition |= equal & _after(field, value, name.startswith("-"), backwards)
        equal &= Q(**{f"{field}__isnull": True}) if value is None else Q(**{field: value})
    return condition


def _after(field: str, value: Any, descending: bool, backwards: bool) -> Q:
    if value is None:
        return Q(**{f"{field}__isnull": False}) if backwards else Q(pk__in=[])
    lookup = "lt" if descending != backwards else "gt"
    after = Q(**{f"{field}__{lookup}": value})
    return after if backwards or field in ("pk", "id") else after | Q(**{f"{field}__isnull": True})


def _values(row: Any, order: Sequence[str]) -> list[Any]:
    return [getattr(row, name.lstrip("-")) for name in order]


def bounded_count(queryset: QuerySet[Any], limit: int = COUNT_LIMIT) -> tuple[int, bool]:
    """(count, exact?): counted up to `limit` only, beyond that "more than"."""
    found = queryset.order_by().values("pk")[: limit + 1].count()
    return min(found, limit), found <= limit
