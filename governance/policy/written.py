"""Policies as YAML: the only place that reads or writes it. Hostile texts get a clear error.

A text is bounded in size, its events in number and depth; anchors and aliases are refused, so that nothing small grows
large, and tags, so that nothing but texts, numbers, lists and mappings can come out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from governance.policy.document import BadPolicy, PolicyDocument, plain, read_policy

MOST_BYTES, MOST_EVENTS, MOST_DEPTH, MOST_POLICIES = 256 * 1024, 20_000, 12, 100


def read_policies(text: str | bytes) -> list[PolicyDocument]:
    """The policies that a YAML text holds, by name. Raises `BadPolicy`, which says where it holds none."""
    document = read_yaml(text)
    rows = document.get("policies") if isinstance(document, dict) and set(document) == {"policies"} else [document]
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_POLICIES:
        raise BadPolicy(f"one policy, or a list of 1 to {MOST_POLICIES} under `policies`")
    found: dict[str, PolicyDocument] = {}
    for number, row in enumerate(rows):
        try:
            policy = read_policy(row)
        except BadPolicy as error:
            raise BadPolicy(f"policies[{number}]: {error}") from error
        if policy.name in found:
            raise BadPolicy(f"policies[{number}]: the name {policy.name} stands there twice")
        found[policy.name] = policy
    return [found[name] for name in sorted(found)]


def read_yaml(text: str | bytes) -> Any:
    """What a YAML text says, in plain values."""
    if len(text) > MOST_BYTES:
        raise BadPolicy(f"a policy file has at most {MOST_BYTES // 1024} kB")
    try:
        _bound(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader, and less)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadPolicy(f"{where}{getattr(error, 'problem', None) or 'this is no YAML'}") from error
    except (RecursionError, UnicodeError, ValueError, OverflowError, TypeError) as error:
        raise BadPolicy(f"this is no YAML that can be read: {str(error)[:200]}") from error


def write_policies(policies: Iterable[PolicyDocument]) -> str:
    """The policies as YAML; read again they are the same."""
    return write_yaml({"policies": [plain(policy) for policy in policies]})


def write_yaml(value: Any) -> str:
    """Plain values as YAML."""
    written: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    return written


def _bound(text: str | bytes) -> None:
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        line = f"line {event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadPolicy(f"{line}: anchors and aliases are not read")
        if getattr(event, "tag", None):
            raise BadPolicy(f"{line}: tags are not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if number > MOST_EVENTS or depth > MOST_DEPTH:
            raise BadPolicy(f"{line}: more than {MOST_EVENTS} parts, or {MOST_DEPTH} levels")


class _Loader(yaml.SafeLoader):
    """Without dates: what looks like one stays a text. A key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As it is written."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                line = node.value[number][0].start_mark.line + 1
                raise BadPolicy(f"line {line}: {key} stands there twice")
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in rows if not tag.endswith((":timestamp", ":merge"))]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
