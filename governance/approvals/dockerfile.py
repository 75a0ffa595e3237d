"""Which images a Dockerfile takes: FROM, COPY --from and RUN --mount from=, by line. Pure; the input is hostile.

Follows BuildKit's frontend (Dockerfile reference): directives, continuation lines with comments among them, heredocs,
ARG before the first FROM, `$VAR`, `${VAR}`, `${VAR:-word}`, `${VAR:+word}`, stage names and numbers. Other forms of
substitution (`#`, `%`, `/`) are said to be unread, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from governance.images.reference import Reference, parse_reference

LONGEST = 1 << 20
MOST_LINES = 20_000
MOST_FOUND = 1_000
# An ARG that doubles another would grow without end.
MOST_EXPANDED = 4_096
DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
HEREDOC = re.compile(r"[0-9]*<<(-?)([^<]+)")
VARIABLE = re.compile(r"\\(.)|\$(?:([A-Za-z_]\w*)|\{([^{}]*)\})", re.ASCII | re.DOTALL)
BRACED = re.compile(r"([A-Za-z_]\w*)(?:(:?[-+])(.*))?", re.ASCII | re.DOTALL)
WITH_HEREDOC = {"RUN", "COPY", "ADD"}
# BuildKit sets these itself, to what the caller builds for.
PLATFORM_ARGS = ("BUILDPLATFORM", "TARGETPLATFORM", "TARGETARCH", "TARGETOS", "TARGETVARIANT", "BUILDARCH", "BUILDOS")


class Unreadable(ValueError):
    """The file is none that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One image that a line takes. Without `reference`: `stage` names an earlier stage (`scratch`: nothing), or
    `problem` says why it cannot be known."""

    line: int
    instruction: str
    written: str
    reference: Reference | None = None
    platform: str = ""
    stage: str = ""
    problem: str = ""


@dataclass(slots=True)
class _Reader:
    """What is known so far."""

    given: Mapping[str, str]
    args: dict[str, str | None] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    escape: str = "\\"


def read_dockerfile(text: str, given: Mapping[str, str] | None = None) -> list[Taken]:
    """Every image taken, in order. `given` are build arguments. Raises `Unreadable`."""
    if len(text) > LONGEST:
        raise Unreadable("The file is longer than 1 MiB.")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MOST_LINES:
        raise Unreadable(f"The file has more than {MOST_LINES:,} lines.")
    reader = _Reader(dict(given or {}))
    for directive in _directives(lines):
        if directive[0] == "escape" and directive[1] in ("\\", "`"):
            reader.escape = directive[1]
    found: list[Taken] = []
    for number, instruction, rest in _instructions(lines, reader.escape):
        found += _taken(reader, number, instruction, rest)
        if len(found) > MOST_FOUND:
            raise Unreadable(f"The file takes more than {MOST_FOUND:,} images.")
    if not reader.stages:
        raise Unreadable("There is no FROM line: this is no Dockerfile.")
    return found


def _directives(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Parser directives stand first of all, before any comment or empty line."""
    for line in lines:
        found = DIRECTIVE.fullmatch(line.strip())
        if found is None:
            return
        yield found[1].lower(), found[2]


def _instructions(lines: list[str], escape: str) -> Iterator[tuple[int, str, str]]:
    """(number of the first line, instruction in capitals, the rest as one line), without heredocs' contents."""
    place = 0
    while place < len(lines):
        first, parts = place, list[str]()
        open_ended = True
        while open_ended and place < len(lines):
            line = lines[place]
            place += 1
            if line.lstrip().startswith("#") or (parts and not line.strip()):
                continue
            stripped = line.rstrip(" \t")
            open_ended = stripped.endswith(escape) and not stripped.endswith(escape * 2)
            first = first if parts else place - 1
            parts.append(stripped[:-1] if open_ended else line)
            if not stripped:
                break
        instruction, rest = [*"".join(parts).split(None, 1), "", ""][:2]
        if instruction:
            if instruction.upper() in WITH_HEREDOC:
                place = _beyond_heredocs(lines, place, rest)
            yield first + 1, instruction.upper(), rest.strip()


def _beyond_heredocs(lines: list[str], place: int, rest: str) -> int:
    """A word that is `<<NAME` begins one; its contents are no instructions."""
    for word in _words(rest):
        found = HEREDOC.fullmatch(word)
        end = found[2].replace('"', "").replace("'", "") if found else ""
        if not found or not end:
            continue
        while place < len(lines) and (lines[place].lstrip("\t") if found[1] else lines[place]) != end:
            place += 1
        if place == len(lines):
            raise Unreadable(f"The heredoc {end[:60]} has no end.")
        place += 1
    return place


def _taken(reader: _Reader, number: int, instruction: str, rest: str) -> Iterator[Taken]:
    if instruction == "ARG":
        _declare(reader, rest)
    elif instruction == "FROM":
        yield _from(reader, number, rest)
    elif instruction in ("COPY", "ADD"):
        yield from _copied(reader, number, instruction, rest)
    elif instruction == "RUN":
        yield from _mounted(reader, number, rest)


def _declare(reader: _Reader, rest: str) -> None:
    """ARG before the first FROM; those of a stage do not reach FROM lines."""
    if reader.stages:
        return
    for word in _words(rest):
        name, equals, value = word.partition("=")
        if name in reader.given:
            reader.args[name] = reader.given[name]
        elif equals:
            expanded, problem = _expand(reader, _unquoted(value))
            reader.args[name] = None if problem else expanded
        else:
            reader.args.setdefault(name, None)


def _words(text: str) -> list[str]:
    """Parted at blanks that stand in no quotes."""
    return re.findall(r"(?:\"[^\"]*\"|'[^']*'|[^\s\"']|[\"'])+", text)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _from(reader: _Reader, number: int, rest: str) -> Taken:
    words, platform = _words(rest), ""
    while words and words[0].startswith("--"):
        flag, _, value = words.pop(0).partition("=")
        if flag == "--platform":
            platform = _platform(reader, value)
    written = _unquoted(words[0]) if words else ""
    named = words[2].lower() if len(words) == 3 and words[1].lower() == "as" else ""
    taken = _resolved(reader, number, "FROM", written, platform)
    if not words or len(words) not in (1, 3) or (len(words) == 3 and not named):
        taken = Taken(number, "FROM", rest[:400], problem="Write FROM image, or FROM image AS name.")
    reader.stages.append(named)
    return taken


def _platform(reader: _Reader, value: str) -> str:
    """Known where it is written out."""
    text, problem = _expand(reader, _unquoted(value))
    return "" if problem or any(f"${name}" in value for name in PLATFORM_ARGS) else text.lower()[:60]


def _copied(reader: _Reader, number: int, instruction: str, rest: str) -> Iterator[Taken]:
    for word in _words(rest):
        if not word.startswith("--"):
            return
        flag, _, value = word.partition("=")
        if flag == "--from":
            yield from _external(reader, number, instruction, _unquoted(value))


def _mounted(reader: _Reader, number: int, rest: str) -> Iterator[Taken]:
    for word in _words(rest):
        if not word.startswith("--"):
            return
        flag, _, value = word.partition("=")
        for part in _unquoted(value).split(",") if flag == "--mount" else []:
            key, _, source = part.partition("=")
            if key.strip() == "from":
                yield from _external(reader, number, "RUN", _unquoted(source.strip()))


def _external(reader: _Reader, number: int, instruction: str, written: str) -> Iterator[Taken]:
    """What is taken from an earlier stage was judged where that began."""
    if written.isdecimal() or (written and written.lower() in reader.stages):
        return
    yield _resolved(reader, number, instruction, written, "", expands=False)


def _resolved(
    reader: _Reader, number: int, instruction: str, written: str, platform: str, expands: bool = True
) -> Taken:
    shown = written[:400]
    text, problem = _expand(reader, written) if expands else (written, "")
    if not expands and "$" in written:
        problem = "Docker reads no variables here."
    if problem or not text:
        return Taken(number, instruction, shown, problem=problem or "No image is named.")
    if text.lower() in reader.stages:
        return Taken(number, instruction, shown, stage=text.lower())
    if text == "scratch":
        return Taken(number, instruction, shown, stage="scratch")
    reference = parse_reference(text)
    if reference is None:
        return Taken(number, instruction, shown, problem=f"{text[:100]} is no reference to an image.")
    return Taken(number, instruction, shown, reference, platform)


def _expand(reader: _Reader, text: str) -> tuple[str, str]:
    """(the text with its variables put in, what stood in the way)."""
    problems: list[str] = []
    room = MOST_EXPANDED

    def value_of(found: re.Match[str]) -> str:
        nonlocal room
        value = one_value(found) if room >= 0 else ""
        room -= len(value)
        return value

    def one_value(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        braced = BRACED.fullmatch(found[3]) if found[3] is not None else None
        if found[3] is not None and braced is None:
            problems.append(f"${{{found[3][:60]}}} is a form of variable that is not read here.")
            return ""
        name, form, word = (braced[1], braced[2] or "", braced[3] or "") if braced else (found[2], "", "")
        return _value(reader, name, form, word, problems)

    expanded = VARIABLE.sub(value_of, text) if len(text) <= MOST_EXPANDED else text
    if len(expanded) > MOST_EXPANDED or room < 0:
        return "", "Its variables make it longer than any reference."
    return expanded, problems[0] if problems else ""


def _value(reader: _Reader, name: str, form: str, word: str, problems: list[str]) -> str:
    value = reader.args.get(name)
    is_set = bool(value) if form.startswith(":") else value is not None
    if form.endswith("+"):
        return word if is_set else ""
    if form.endswith("-") and not is_set:
        return word
    if value is None and name not in PLATFORM_ARGS:
        known = f"ARG {name} has no value" if name in reader.args else f"ARG {name} is not declared before FROM"
        problems.append(f"{known}: give it as a build argument.")
    return value or ""
