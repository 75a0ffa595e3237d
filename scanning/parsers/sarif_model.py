"""SARIF 2.1.0 as structs (OASIS SARIF 2.1.0 errata01, section 3): what we read of it.

Property bags may hold anything; their values stay undecoded until somebody asks for one.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from scanning.parsers.scalars import Scalar, text_of

type Bag = dict[str, msgspec.Raw] | None

ONE = msgspec.json.Decoder(Scalar)
MANY = msgspec.json.Decoder(list[Scalar])


def word(bag: Bag, *names: str) -> str:
    """Return the first of these properties that is a single value, as text; "" if none is."""
    for name in names:
        try:
            found = text_of(ONE.decode(bag[name])) if bag and name in bag else ""
        except (msgspec.DecodeError, RecursionError):
            continue
        if found:
            return found
    return ""


def words(bag: Bag, name: str) -> tuple[str, ...]:
    """Return the property if it is a list of single values; () if it is none."""
    try:
        return tuple(filter(None, map(text_of, MANY.decode(bag[name])))) if bag and name in bag else ()
    except (msgspec.DecodeError, RecursionError):
        return ()


class Message(msgspec.Struct, gc=False):
    """A message, or a description with its `markdown`; `id` names one of the rule's message strings."""

    text: Scalar = None
    markdown: Scalar = None
    id: Scalar = None
    arguments: list[Scalar] | None = None


class ArtifactLocation(msgspec.Struct, gc=False):
    """Where a file is; `index` is its place in the run's `artifacts`."""

    uri: Scalar = None
    index: Scalar = None


class Region(msgspec.Struct, gc=False, rename="camel"):
    """A part of a file."""

    start_line: Scalar = None


class Physical(msgspec.Struct, gc=False, rename="camel"):
    """A file and a part of it."""

    artifact_location: ArtifactLocation | None = None
    region: Region | None = None


class Logical(msgspec.Struct, gc=False, rename="camel"):
    """A thing with a name: a function, a package."""

    name: Scalar = None
    fully_qualified_name: Scalar = None


class Location(msgspec.Struct, gc=False, rename="camel"):
    """Where a result is."""

    physical_location: Physical | None = None
    logical_locations: list[Logical] | None = None
    message: Message | None = None


class Suppression(msgspec.Struct, gc=False):
    """Why a result is set aside. `state` is what drafts called `status`; without either it is accepted."""

    status: Scalar = None
    state: Scalar = None
    justification: Scalar = None


class Fix(msgspec.Struct, gc=False):
    """What would mend it."""

    description: Message | None = None


class RuleReference(msgspec.Struct, gc=False):
    """`rule` of a result."""

    id: Scalar = None
    index: Scalar = None


class Result(msgspec.Struct, gc=False, rename="camel"):
    """One result."""

    rule_id: Scalar = None
    rule_index: Scalar = None
    rule: RuleReference | None = None
    kind: Scalar = None
    level: Scalar = None
    message: Message | None = None
    locations: list[Location] | None = None
    suppressions: list[Suppression] | None = None
    baseline_state: Scalar = None
    fixes: list[Fix] | None = None
    properties: Bag = None


class Configuration(msgspec.Struct, gc=False):
    """A rule's `defaultConfiguration`."""

    level: Scalar = None


class Rule(msgspec.Struct, gc=False, rename="camel"):
    """A reporting descriptor."""

    id: Scalar = None
    name: Scalar = None
    short_description: Message | None = None
    full_description: Message | None = None
    help: Message | None = None
    help_uri: Scalar = None
    default_configuration: Configuration | None = None
    message_strings: dict[str, Message] | None = None
    properties: Bag = None


class Component(msgspec.Struct, gc=False, rename="camel"):
    """The tool itself or an extension of it, with its rules."""

    name: Scalar = None
    full_name: Scalar = None
    version: Scalar = None
    semantic_version: Scalar = None
    rules: list[Rule] | None = None


class Tool(msgspec.Struct, gc=False):
    """`tool`."""

    driver: Component | None = None
    extensions: list[Component] | None = None


class Artifact(msgspec.Struct, gc=False):
    """One of the files that were looked at."""

    location: ArtifactLocation | None = None


class Notification(msgspec.Struct, gc=False):
    """What the tool told of its own running."""

    level: Scalar = None
    message: Message | None = None


class Invocation(msgspec.Struct, gc=False, rename="camel"):
    """How the tool ran."""

    execution_successful: bool | None = None
    start_time_utc: Scalar = None
    end_time_utc: Scalar = None
    tool_execution_notifications: list[Notification] | None = None


class Run(msgspec.Struct, gc=False):
    """One run of one tool. Without `results` it did not run to its end, or was not asked."""

    tool: Tool | None = None
    results: list[Result] | msgspec.UnsetType | None = UNSET
    invocations: list[Invocation] | None = None
    artifacts: list[Artifact] | None = None
    properties: Bag = None


class Log(msgspec.Struct, gc=False):
    """The whole document."""

    runs: list[Run] | None = None
