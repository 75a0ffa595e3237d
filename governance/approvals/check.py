"""The check of Dockerfiles and references against the list, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from governance.approvals.dockerfile import Taken, read_dockerfile
from governance.approvals.facts import Line, judge_all
from governance.approvals.judgement import Judgement, Verdict, worst
from governance.images.reference import parse_reference


@dataclass(frozen=True, slots=True)
class Answer:
    """What the list says of one line."""

    taken: Taken
    said: Judgement

    def as_dict(self) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "line": self.taken.line,
            "instruction": self.taken.instruction,
            "written": self.taken.written,
            "reference": str(self.taken.reference) if self.taken.reference else None,
            "stage": self.taken.stage,
            "platform": self.taken.platform,
            **{name: value for name, value in asdict(self.said).items() if name != "reasons"},
            "reasons": list(self.said.reasons),
        }


NOTHING = Judgement(Verdict.ALLOW, ("Built on nothing.",))
EARLIER = Judgement(Verdict.ALLOW, ("An earlier stage, judged where it begins.",))


def check_dockerfile(text: str, given: Mapping[str, str] | None = None, on: date | None = None) -> list[Answer]:
    """Judge every image that a Dockerfile takes. Raises `Unreadable`."""
    return answer_all(read_dockerfile(text, given), on)


def check_references(texts: Sequence[str], on: date | None = None) -> list[Answer]:
    """Judge references, one after the other."""
    taken = []
    for number, text in enumerate(texts, 1):
        reference = parse_reference(text)
        problem = "" if reference else "This is no reference to an image."
        taken.append(Taken(number, "", text[:400], reference, problem=problem))
    return answer_all(taken, on)


def answer_all(taken: Sequence[Taken], on: date | None = None) -> list[Answer]:
    """What cannot be known is unknown, never allowed."""
    lines = [Line(one.reference, one.platform) for one in taken if one.reference]
    judged = iter(judge_all(lines, on))
    return [Answer(one, next(judged) if one.reference else _without(one)) for one in taken]


def _without(one: Taken) -> Judgement:
    if one.problem:
        return Judgement(Verdict.UNKNOWN, (one.problem,))
    return NOTHING if one.stage == "scratch" else EARLIER


def verdict_on(answers: Sequence[Answer]) -> Verdict:
    """The worst of all lines."""
    return worst(one.said for one in answers)
