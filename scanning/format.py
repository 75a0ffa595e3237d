"""What is said of a format, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMAND = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Format:
    """One format by its parser's name. In `document` and `made_by` what stands between backticks is code."""

    name: str
    document: str
    made_by: str
    kept: str

    @property
    def title(self) -> str:
        """What the document is, without marks."""
        return self.document.replace("`", "")

    @property
    def commands(self) -> list[str]:
        """What to type."""
        return COMMAND.findall(self.made_by)

    @property
    def remark(self) -> str:
        """What is said beside the commands."""
        return COMMAND.sub("", self.made_by).strip(" ,;")
