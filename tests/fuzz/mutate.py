"""A case: one seed, changed in a few places. The same seed number and case number always make the same bytes."""

from __future__ import annotations

import copy
import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fuzz import hostile, tree
from tests.fuzz.seeds import Seed, seeds_by_parser
from tests.fuzz.tree import Members, Raw, child_of, places, set_child

type Place = tuple[list[Any], int]
type Change = Callable[[Place, random.Random], None]
LARGEST = 4 << 20
MOST_PLACES = 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """One document; seed and number make it again."""

    seed: int
    number: int
    parser: str
    source: str
    body: bytes


def case(seed: int, number: int) -> Case:
    """Every parser in turn, with one of its samples."""
    chance = random.Random(f"{seed}:{number}")
    formats = seeds_by_parser()
    parser = list(formats)[number % len(formats)]
    source = chance.choice(formats[parser])
    body = _mutated(source, chance)[:LARGEST]
    return Case(seed, number, parser, source.name, body)


def _mutated(source: Seed, chance: random.Random) -> bytes:
    how = chance.random()
    if how < 0.72 and source.tree is not None:
        value = copy.deepcopy(source.tree)
        changes = GENTLE if chance.random() < 0.5 else TREE
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            value = _change(value, changes, chance)
        return _encode(tree.write(value), chance)
    if source.tree is None and how < 0.72:
        return _encode(_table(source.body.decode("utf-8", "replace"), chance), chance)
    body = source.small
    for _ in range(chance.choice((1, 1, 2, 3))):
        body = chance.choice(BYTES)(body, chance)
    return body


def _encode(text: str, chance: random.Random) -> bytes:
    """As UTF-8 (halves of surrogate pairs as their three bytes), now and then as something else."""
    if chance.random() < 0.9:
        return text.encode("utf-8", "surrogatepass")
    return text.encode(chance.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "shift-jis")), "replace")


# Changes of the tree. Each takes a place.


def _drop(place: Place, chance: random.Random) -> None:
    del place[0][place[1]]


def _double(place: Place, chance: random.Random) -> None:
    container, number = place
    many = chance.choice((1, 1, 2, 20)) if len(places(child_of(container, number))) < 50 else 1
    copies = [copy.deepcopy(container[number]) for _ in range(many)]
    if isinstance(container, Members) and chance.random() < 0.5:
        copies[0][1] = hostile.value(chance)
    container[number:number] = copies


def _rename(place: Place, chance: random.Random) -> None:
    container, number = place
    if isinstance(container, Members):
        name = str(container[number][0])
        names = [child[0] for child in container]
        forms = (name.lower(), name.upper(), name + " ", name[:-1], "", "\x00", "__proto__", "$ref", *names)
        container[number][0] = chance.choice(forms)


def _replace(place: Place, chance: random.Random) -> None:
    set_child(*place, hostile.value(chance))


def _retype(place: Place, chance: random.Random) -> None:
    value = child_of(*place)
    forms: list[Any] = [[value], Members([["a", value]]), None, True, 0, "", [], Members()]
    if isinstance(value, Members):
        forms += [[child for _, child in value], [name for name, _ in value]]
    elif isinstance(value, list):
        forms += [Members([[str(number), child] for number, child in enumerate(value)]), *value[:1]]
    elif not isinstance(value, Raw):
        forms += [str(value), f" {value} ", [str(value)] * 3]
    set_child(*place, chance.choice(forms))


def _edit(place: Place, chance: random.Random) -> None:
    """Change a text or a number a little."""
    value = child_of(*place)
    if isinstance(value, list):
        return
    if isinstance(value, str) and not isinstance(value, Raw):
        at = chance.randint(0, len(value))
        odd = chance.choice(hostile.TEXTS)
        forms = (value[:at], value[:at] + odd + value[at:], value[:200] * 200, value.upper(), value + odd, value[::-1])
        set_child(*place, chance.choice(forms))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        set_child(*place, chance.choice((-value, value + 0.5, Raw(f"{value}e400"), str(value), *hostile.NUMBERS)))
    else:
        set_child(*place, chance.choice((None, True, False, "")))


def _nest(place: Place, chance: random.Random) -> None:
    if len(places(child_of(*place))) > 2_000:
        return
    depth = chance.choice((1, 3, 30, 58, 64, 200, 5_000))
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
    set_child(*place, Raw(opening * depth + tree.write(child_of(*place)) + closing * depth))


def _crowd(place: Place, chance: random.Random) -> None:
    """Very many of what there is one of; names counted through, so that they are not the same."""
    container, number = place
    text = tree.write(child_of(container, number))
    if len(text) > 2_000:
        return
    if isinstance(container, Members):
        name = container[number][0]
        container += [[f"{name}{count}", Raw(text)] for count in range(chance.choice((100, 1_000)))]
    else:
        container[number] = Raw(",".join([text] * chance.choice((100, 1_000))))


def _shuffle(place: Place, chance: random.Random) -> None:
    chance.shuffle(place[0])


def _graft(place: Place, chance: random.Random) -> None:
    """A part of any sample of any format."""
    other = chance.choice(seeds_by_parser()[chance.choice(list(seeds_by_parser()))])
    if other.tree is not None and (spots := places(other.tree)):
        set_child(*place, copy.deepcopy(child_of(*chance.choice(spots))))


TREE: tuple[Change, ...] = (
    *(_drop, _drop, _double, _rename, _replace, _replace, _replace, _replace, _retype, _retype, _edit, _edit, _edit),
    *(_nest, _crowd, _shuffle, _graft),
)
# These mostly leave a document that its parser reads: what is odd goes on to the database.
GENTLE: tuple[Change, ...] = (_drop, _double, _edit, _edit, _edit, _edit, _shuffle)


def _change(value: Any, changes: Sequence[Change], chance: random.Random) -> Any:
    """One change somewhere, the outermost value included."""
    spots = places(value)
    if len(spots) > MOST_PLACES:
        return value
    if not spots or chance.random() < 0.02:
        holder = [value]
        chance.choice((_replace, _retype, _nest))((holder, 0), chance)
        return holder[0]
    # One half anywhere, one half among the first: what a parser recognises a document by stands outside.
    nearest = spots[: max(8, len(spots) // 20)]
    place = chance.choice(nearest if chance.random() < 0.5 else spots)
    if isinstance(place[0], list) and place[1] < len(place[0]):
        chance.choice(changes)(place, chance)
    return value


# Changes of bytes, for what is no JSON or shall be none.


def _flip(body: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 3, 20))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randint(0, len(body))]


def _lose(body: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(body))
    return body[:start] + body[start + chance.randint(0, 200) :]


def _insert(body: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(body))
    odd = (
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b'"',
        b"\\",
        b"\n",
        b",",
        b"}{",
        b"\x1a",
        b"<!DOCTYPE a>",
    )
    return body[:at] + chance.choice(odd) * chance.choice((1, 1, 1, 100)) + body[at:]


def _join(body: bytes, chance: random.Random) -> bytes:
    """Two documents in one: of the same kind, or of another."""
    formats = seeds_by_parser()
    other = chance.choice(formats[chance.choice(list(formats))]).small
    return chance.choice((body + b"\n" + body, body + other, other + body, b"[" + body + b"," + other + b"]"))


def _wrap(body: bytes, chance: random.Random) -> bytes:
    return chance.choice(
        (b"[" + body + b"]", b'{"a":' + body + b"}", b"x" + body, body + b"x", b"\n\n" + body, body[::-1])
    )


def _lines(body: bytes, chance: random.Random) -> bytes:
    lines = body.split(b"\n")
    chance.shuffle(lines)
    return chance.choice((b"\r\n", b"\n", b"\r", b"\n\n")).join(lines)


BYTES = (_flip, _flip, _cut, _lose, _insert, _join, _wrap, _lines)


def _table(text: str, chance: random.Random) -> str:
    """A table with other cells, rows, columns, quotes and separators."""
    rows = list(csv.reader(io.StringIO(text))) or [[]]
    for _ in range(chance.choice((1, 1, 2, 5))):
        chance.choice(ROWS)(rows, chance)
    separator = chance.choice(",,,,,,;\t|")
    if chance.random() < 0.1:
        return "\n".join(separator.join(row) for row in rows)
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=chance.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))).writerows(rows)
    return out.getvalue()


def _cell(rows: list[list[str]], chance: random.Random) -> None:
    row = chance.choice(rows)
    if row:
        odd = hostile.value(chance)
        row[chance.randrange(len(row))] = chance.choice((str(odd), "a" * 1_100_000, '"', '""', 'a"b', "a\nb", "a\rb"))


def _column(rows: list[list[str]], chance: random.Random) -> None:
    number = chance.randrange(max(map(len, rows)) or 1)
    for row in rows:
        if number < len(row):
            del row[number]


def _twice(rows: list[list[str]], chance: random.Random) -> None:
    row = chance.choice(rows)
    rows += [list(row) for _ in range(chance.choice((1, 2, 500)) if sum(map(len, row)) < 5_000 else 1)]


def _longer(rows: list[list[str]], chance: random.Random) -> None:
    row = chance.choice(rows)
    row[len(row) :] = chance.choice(([""], ["x"], ["x"] * 600, [*row]))


def _shorter(rows: list[list[str]], chance: random.Random) -> None:
    row = chance.choice(rows)
    del row[chance.randint(0, len(row)) :]


def _order(rows: list[list[str]], chance: random.Random) -> None:
    chance.shuffle(chance.choice((rows, rows[0])))


ROWS = (_cell, _cell, _cell, _column, _twice, _longer, _shorter, _order)
