"""Anchore's policy evaluations as structs (anchore/anchore-engine swagger of release 1.1, anchorectl 1 to 5)."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Rows(msgspec.Struct, gc=False):
    """A table: `header` names the columns. The cell `Whitelisted` is false or says which rule of which list."""

    header: list[Scalar] | None = None
    rows: list[list[Scalar | dict[str, msgspec.Raw]]] | None = None


class Table(msgspec.Struct, gc=False):
    """The table of one image."""

    result: Rows | None = None


class Inner(msgspec.Struct, gc=False):
    """`detail.result`. Beside the table by image ID its `result` has names and lists of the policy."""

    image_id: Scalar = None
    by_image: dict[str, Table | Scalar | list[msgspec.Raw]] | None = field(default=None, name="result")


class Detail(msgspec.Struct, gc=False):
    """`detail`."""

    result: Inner | None = None


class Finding(msgspec.Struct, gc=False):
    """One row as anchorectl writes it: `description` and `status`, in later releases `message` and `action`."""

    gate: Scalar = None
    trigger: Scalar = None
    trigger_name: Scalar = field(default=None, name="triggerName")
    trigger_id: Scalar = field(default=None, name="triggerId")
    snake_id: Scalar = field(default=None, name="trigger_id")
    description: Scalar = None
    message: Scalar = None
    status: Scalar = None
    action: Scalar = None
    camel_number: Scalar = field(default=None, name="imageId")
    snake_number: Scalar = field(default=None, name="image_id")
    allowlisted: Scalar | dict[str, msgspec.Raw] = None

    @property
    def number(self) -> Scalar:
        """The image ID."""
        return self.camel_number or self.snake_number


class Findings(msgspec.Struct, gc=False):
    """`details` of a newer release."""

    findings: list[Finding] | None = None


class Evaluation(msgspec.Struct, gc=False):
    """One evaluation, of the API or of anchorectl."""

    status: Scalar = None
    detail: Detail | None = None
    at: Scalar = field(default=None, name="last_evaluation")
    policy: Scalar = field(default=None, name="policyId")
    details: Findings | list[Finding] | None = None
    evaluation_time: Scalar = field(default=None, name="evaluationTime")
    snake_time: Scalar = field(default=None, name="evaluation_time")

    @property
    def when(self) -> Scalar:
        """When it was made."""
        return self.evaluation_time or self.snake_time

    @property
    def findings(self) -> list[Finding]:
        """Its rows."""
        return (self.details.findings if isinstance(self.details, Findings) else self.details) or []


class Checked(msgspec.Struct, gc=False):
    """One image in anchorectl's first form."""

    detail: list[Finding] | None = None
    digest: Scalar = None
    tag: Scalar = None
    status: Scalar = None
    policy: Scalar = field(default=None, name="policyId")
    at: Scalar = field(default=None, name="lastEvaluation")
    snake_at: Scalar = field(default=None, name="last_evaluation")


class Image(msgspec.Struct, gc=False):
    """anchorectl's second form: one image and its evaluations."""

    evaluations: list[Evaluation] | None = None
    tag: Scalar = field(default=None, name="evaluatedTag")
    snake_tag: Scalar = field(default=None, name="evaluated_tag")
    digest: Scalar = field(default=None, name="imageDigest")
    snake_digest: Scalar = field(default=None, name="image_digest")
    policy: Scalar = field(default=None, name="policyId")
    snake_policy: Scalar = field(default=None, name="policy_id")
