"""What scanners are told and what they give back."""

from __future__ import annotations

from dataclasses import dataclass

from scanning.registries import Target


@dataclass(frozen=True, slots=True)
class Place:
    """A platform image where it lies: the registry with its credentials, the repository and the manifest's digest."""

    target: Target
    repository: str
    digest: str

    @property
    def reference(self) -> str:
        """`host/repository@digest`; it begins with a host, so no program takes it for an option."""
        return f"{self.target.host}/{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Report:
    """What the scanner wrote; `format` as the parsers call it, where it does not say so itself."""

    body: bytes
    format: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """It will be there later: look again after `seconds`, with `remote_ref`."""

    seconds: float
    remote_ref: str


type Outcome = Report | Asked


class ScanFailed(Exception):
    """The sentence is for people. `elsewhere`: another way may work; `final`: trying again is of no use."""

    def __init__(self, sentence: str, *, elsewhere: bool = False, final: bool = False) -> None:
        super().__init__(sentence)
        self.elsewhere = elsewhere
        self.final = final
