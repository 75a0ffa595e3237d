"""Template words for what pages show again and again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

register = template.Library()

SEVERITIES = ("critical", "high", "medium", "low", "unknown")
# Normalised severity as a number (findings.report.Severity) to the word that pages show.
WORDS = {5: "critical", 4: "high", 3: "medium", 2: "low", 1: "unknown", 0: "unknown"}
# Characters that are not there to be read: control, bidirectional overrides, invisible and unassigned ones.
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
PLAIN = re.compile(r"[\x20-\x7e]*")
DAY = 86_400
# (up to, unit, its seconds)
STEPS = (
    (60, "s", 1.0),
    (3600, "min", 60.0),
    (2 * DAY, "h", 3600.0),
    (60 * DAY, "d", float(DAY)),
    (730 * DAY, "mo", 30.44 * DAY),
    (float("inf"), "y", 365.25 * DAY),
)

STAGE_NAMES = {"ci": "CI", "registry": "Registry", "runtime": "Runtime"}

# The markup of what lists show fifty times over. It is here and not in templates/parts because a template costs ten
# times as much: a list page would spend most of its time on these.
UNKNOWN = format_html('<span class="dim" title="{0}">\u2013<span class="visually-hidden">{0}</span></span>', "unknown")
LETTER = '<i aria-hidden="true">{3}</i><span class="visually-hidden">{0} </span>{4}'
NUMBER = '<span class="n s-{0}{1}" title="{2} {0}">' + LETTER + "</span>"
LINKED = '<a class="n s-{0}" href="{1}{0}" title="{2} {0}">' + LETTER + "</a>"
RECT = '<rect class="f-{}" x="{}" y="0" width="{}" height="4"/>'
BAR = (
    '<span class="counts">{}</span>'
    '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
)
LIGHTS = '<span class="lights{}">{}</span>'
CIRCLE = '<svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true"><circle cx="6" cy="6" r="4.500"/>{3}</svg>'
LIGHT = (
    '<span class="light is-{0}" title="{1}: {2}">' + CIRCLE + '<span class="visually-hidden">{1} {2}. </span></span>'
)
LIGHT_IN_WORDS = '<span class="light is-{0}">' + CIRCLE + " <b>{1}</b> {2}</span>"
# (word, column) of the results of checks, worst first.
RESULTS = (("fail", "failed"), ("warn", "warned"), ("info", "noted"), ("pass", "passed"))
RESULT = '<span class="n r-{0}{1}" title="{2} {0}">{3} <i>{0}</i></span>'
LINKED_RESULT = '<a class="n r-{0}" href="{1}{0}" title="{2} {0}">{3} <i>{0}</i></a>'
SHAPES = {
    "stale": format_html('<path class="half" d="{}"/>', "M6 1.500a4.500 4.500 0 0 0 0 9z"),
    "failed": format_html('<path class="cross" d="{}"/>', "M3.500 3.500l5 5M8.500 3.500l-5 5"),
}


@register.filter
def readable(value: Any, limit: int = 0) -> str:
    """Text from a report, with every control, bidirectional and invisible character made visible as ⟦hex⟧."""
    text = "" if value is None else str(value)
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    if PLAIN.fullmatch(text):
        return text
    return "".join(f"⟦{ord(sign):x}⟧" if unicodedata.category(sign) in HIDDEN else sign for sign in text)


@register.filter
def sentence(value: Any) -> str:
    """A reason as pages show it: readable, with a full stop, and a capital unless it begins with an address."""
    text = readable(value).strip()
    first = text.split(" ", 1)[0]
    begun = text[:1].upper() + text[1:] if first.strip(",;:").isalpha() else text
    return begun + ("" if text.endswith((".", "!", "?", "…", ".)", "!)", "?)")) or not text else ".")


@register.filter
def place(stage: str) -> str:
    """One of the three places in words."""
    return STAGE_NAMES.get(stage, readable(stage, 40))


@register.filter
def paragraphs(value: Any) -> list[str]:
    """Report text as lines, so that only the breaks survive of what it wanted its layout to be."""
    return [readable(line) for line in str(value or "").replace("\r", "\n").split("\n") if line.strip()]


@register.filter
def count(value: int | None) -> str:
    """Exact up to 9,999, then 12.3 k, 4.5 M."""
    number = value or 0
    if abs(number) < 10_000:
        return f"{number:,}"
    if abs(number) < 999_950:
        return f"{number / 1000:.1f} k"
    return f"{number / 1_000_000:.1f} M"


@register.filter
def exact(value: int | None) -> str:
    """With thousands marked."""
    return f"{value or 0:,}"


@register.filter
def percent(value: float | None) -> str:
    """A share of one as per cent: three digits at most, and never 0 for what is more or 100 for what is less."""
    share = 100 * (value or 0)
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99 < share < 100:
        return f"{int(share * 10) / 10} %"
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %"


@register.filter
def size(value: int | None) -> str:
    """Bytes for people."""
    number = float(value or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return ""


@register.filter
def ago(value: datetime | None) -> str:
    """How long ago, in one unit; `in …` for the future."""
    if value is None:
        return "never"
    seconds = (timezone.now() - value).total_seconds()
    away = abs(seconds)
    if away < 5:
        return "now"
    unit, length = next((unit, length) for limit, unit, length in STEPS if away < limit)
    text = f"{away / length:.0f} {unit}"
    return f"in {text}" if seconds < 0 else f"{text} ago"


@register.filter
def lasting(value: datetime | timedelta | int | None) -> str:
    """How long something lasts, in one unit: since a time, or so many seconds."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = timezone.now() - value
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    unit, length = next((unit, length) for limit, unit, length in STEPS if seconds < limit)
    return f"{seconds / length:.0f} {unit}"


@register.filter
def signed_size(value: int) -> str:
    """A change in bytes for people, always with its sign."""
    return f"{'\u2212' if value < 0 else '+'}{size(abs(value))}"


@register.filter
def less(number: int, shown: Sequence[Any]) -> int:
    """How many of `number` are not among those shown."""
    return number - len(shown)


@register.filter
def short(digest: str | None) -> str:
    """A digest cut in the middle: `sha256:3f2a1b…91c0`."""
    text = str(digest or "")
    algorithm, _, encoded = text.partition(":")
    return f"{algorithm}:{encoded[:6]}…{encoded[-4:]}" if len(encoded) > 16 else text


@register.filter
def tiny(digest: str | None) -> str:
    """The first twelve of a digest's hex, as Docker shows an image ID."""
    return str(digest or "").partition(":")[2][:12]


@register.filter
def severity_word(value: int | str) -> str:
    """A severity number as its word."""
    return WORDS.get(value, "unknown") if isinstance(value, int) else value


@register.filter
def http(value: str | None) -> str:
    """The address if it is an http(s) one, else nothing: links in reports lead nowhere else."""
    text = str(value or "")
    return text if text.startswith(("https://", "http://")) else ""


@register.filter
def item(mapping: dict[Any, Any], key: Any) -> Any:
    """A value by key, None where there is none."""
    return mapping.get(key)


@register.filter
def worst_verdict(verdicts: Sequence[Any]) -> Any:
    """Of the verdicts of the places the worst: fail before unknown before warn; None where there are none."""
    order = ("fail", "unknown", "warn", "pass")
    return min(verdicts, key=lambda one: order.index(one.verdict), default=None)


@register.filter
def holds(picked: str | Sequence[str], value: str) -> bool:
    """The value is picked; `picked` is one value or several."""
    return value == picked if isinstance(picked, str) else value in picked


@register.filter
def number(row: Any, name: str) -> int:
    """A counter of a row by name."""
    return int(getattr(row, name))


@register.simple_tag(takes_context=True)
def link(context: Context, name: str, *args: Any, **query: Any) -> str:
    """A page's address with a query; the scope (`team=`) of the page that is being read stays."""
    request = context.get("request")
    if request is not None and "team" not in query and request.GET.get("team"):
        query["team"] = request.GET["team"]
    said = [(key, value) for key, value in query.items() if value not in (None, "")]
    return reverse(name, args=args) + (f"?{urlencode(said, doseq=True)}" if said else "")


@register.inclusion_tag("parts/filters.html", takes_context=True)
def filter_bar(context: Context, **hints: str) -> dict[str, Any]:
    """The filters of a `ListPage` by name, in this order: with a hint words to type (the first is the search), else a
    choice. The scope stays, and the orders are offered where there are several."""
    form = context["filters"].form
    words = [name for name, hint in hints.items() if hint]
    kinds = {name: "search" if name == words[0] else "text" for name in words}
    return {
        "address": context["request"].path,
        "fields": [(form[name], kinds.get(name, ""), hint) for name, hint in hints.items()],
        "team": context.get("team", ""),
        "sorts": context.get("sorts", []),
        "sort": context.get("sort", ""),
    }


@register.simple_tag
def moment(at: datetime | None) -> str:
    """A time, relative; exact on hover, there also in the reader's timezone (static JavaScript)."""
    if at is None:
        return UNKNOWN
    exactly = at.astimezone(UTC).isoformat(timespec="seconds")
    shown = f"{exactly[:10]} {exactly[11:19]} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', exactly, shown, ago(at))


@register.simple_tag
def severity(row: Any, top: int = 0, href: str = "") -> str:
    """The five counters of a row as numbers and one stacked bar; `top` is the longest bar of the list.

    With `href` each number leads to exactly those findings.
    """
    counts = [(word, int(getattr(row, word))) for word in SEVERITIES]
    if href:
        href += "&severity=" if "?" in href else "?severity="
    numbers = format_html_join("", "{}", ((counter(word, amount, href),) for word, amount in counts))
    total = sum(amount for _, amount in counts)
    rects = format_html_join("", RECT, bars(counts, max(top, total)))
    return format_html(BAR, numbers, rects)


@register.simple_tag
def results(row: Any, href: str = "") -> str:
    """The results of a run's checks as numbers and one bar of shares; with `href` each number leads to its rows.

    Every bar is as long as the others: tools differ by a factor of a hundred in how many checks they make.
    """
    counts = [(word, int(getattr(row, column))) for word, column in RESULTS]
    if href:
        href += "&result=" if "?" in href else "?result="
    numbers = format_html_join("", "{}", ((result(word, amount, href),) for word, amount in counts))
    rects = format_html_join("", RECT, bars(counts, max(1, sum(amount for _, amount in counts))))
    return format_html(BAR, numbers, rects)


def result(word: str, amount: int, href: str) -> str:
    """One number with its word."""
    if amount and href:
        return format_html(LINKED_RESULT, word, href, f"{amount:,}", count(amount))
    return format_html(RESULT, word, "" if amount else " zero", f"{amount:,}", count(amount))


def counter(word: str, amount: int, href: str) -> str:
    """One number with its letter; the word is there for screen readers."""
    letter = word[0].upper()
    if amount and href:
        return format_html(LINKED, word, href, f"{amount:,}", letter, count(amount))
    return format_html(NUMBER, word, "" if amount else " zero", f"{amount:,}", letter, count(amount))


def bars(counts: Sequence[tuple[str, int]], top: int) -> list[tuple[str, str, str]]:
    """[(word, x, width)] on a scale of 100 for the longest; what is there is never thinner than one."""
    found, x = [], 0.0
    for word, amount in counts:
        if amount:
            width = max(100 * amount / top, 1.0)
            found.append((word, f"{x:.2f}", f"{width:.2f}"))
            x += width
    return found


@register.filter
def longest(rows: Iterable[Any]) -> int:
    """The highest total of a list's rows: the scale of its bars."""
    return max((sum(getattr(row, word) for word in SEVERITIES) for row in rows), default=0)


@register.simple_tag
def lights(image: Any, scanners: dict[str, str] | None = None, words: bool = False) -> str:
    """The three places CI · Registry · Runtime: fresh (filled), stale (half), failed (crossed), never (hollow).

    `scanners` names who scanned at each stage, `words` writes out what else is only there on hover.
    """
    now = timezone.now()
    shown = []
    for stage, at, failed in image.stages:
        since = now - timedelta(days=settings.STALE_DAYS_AT[stage])
        state = "failed" if failed else "never" if at is None else "fresh" if at >= since else "stale"
        parts = [state, ago(at) if at else "", readable((scanners or {}).get(stage, ""), 80)]
        text = " · ".join(part for part in parts if part)
        light = LIGHT_IN_WORDS if words else LIGHT
        shown.append((format_html(light, state, STAGE_NAMES[stage], text, SHAPES.get(state, "")),))
    return format_html(LIGHTS, " in-words" if words else "", format_html_join("", "{}", shown))
