"""A policy as a form: its scope and enforcement in fields, its rules as the YAML that files have, too."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms

from governance.policy.document import BadPolicy, PolicyDocument, plain, read_policy
from governance.policy.written import read_yaml, write_yaml
from governance.web.forms import HouseForm

LEVELS = [
    ("off", "Off: says nothing"),
    ("inform", "Inform: a reason, no more"),
    ("warn", "Warn"),
    ("fail", "Fail"),
]
RUNNING = [("any", "Whether they run or not"), ("yes", "Only what runs"), ("no", "Only what does not run")]
RESTART = [("warn", "Only warn"), ("fail", "Fail for user and packages, else warn")]
# Which field a mistake is shown beside, by where in the document it is.
PLACES = {"rules": "rules", "scope.teams": "teams", "scope.repositories": "repositories", "name": "name"}
EXAMPLE = """- kind: findings
  severity: critical
  fixable: true
"""


def text(label: str, hint: str, rows: int, required: bool = False) -> forms.CharField:
    """Several lines."""
    area = forms.Textarea({"rows": rows, "spellcheck": "false", "class": "form-control mono"})
    return forms.CharField(label=label, required=required, help_text=hint, max_length=100_000, widget=area)


class PolicyForm(HouseForm):
    """What people fill in; `document` is what it comes to."""

    name = forms.CharField(label="Name", max_length=60, help_text="Small letters, digits and hyphens.")
    description = forms.CharField(label="What it is for", max_length=500, required=False)
    active = forms.BooleanField(
        label="In force", required=False, initial=True, widget=forms.CheckboxInput({"class": "form-check-input"})
    )
    ci = forms.ChoiceField(label="In CI a broken rule", choices=LEVELS, initial="inform")
    registry = forms.ChoiceField(label="In the registry", choices=LEVELS, initial="inform")
    runtime = forms.ChoiceField(label="At run time", choices=LEVELS, initial="inform")
    restart = forms.ChoiceField(
        label="What runs already and starts again",
        choices=RESTART,
        help_text="New findings never stop a running image: they become work for its owner.",
    )
    teams = forms.CharField(label="Teams", max_length=2_000, required=False, help_text="Comma separated; empty: all.")
    repositories = text("Repositories", "One pattern a line, * for anything: registry.example/shop/*. Empty: all.", 2)
    running = forms.ChoiceField(label="Running", choices=RUNNING)
    rules = text("Rules", "YAML, as in files. The kinds are listed below.", 14)
    reason = forms.CharField(label="Why it changes", max_length=500, required=False, help_text="For the audit trail.")

    document: PolicyDocument | None = None

    def clean(self) -> dict[str, Any]:
        """The document, or beside which field it is wrong."""
        said = self.cleaned_data
        if self.errors:
            return said
        try:
            rules = read_yaml(said["rules"]) if said["rules"].strip() else []
        except BadPolicy as error:
            self.add_error("rules", str(error))
            return said
        written = {
            **{name: said[name] for name in ("name", "description", "active", "restart")},
            "scope": {
                "teams": [word.strip() for word in said["teams"].split(",") if word.strip()],
                "repositories": said["repositories"].split(),
                "running": said["running"],
            },
            "enforce": {stage: said[stage] for stage in ("ci", "registry", "runtime")},
            "rules": rules,
        }
        try:
            self.document = read_policy(written)
        except BadPolicy as error:
            place = str(error).partition("`$.")[2] or str(error)
            field = next((name for start, name in PLACES.items() if place.startswith(start)), None)
            self.add_error(field, str(error))
        return said


def initial_of(policy: PolicyDocument) -> dict[str, Any]:
    """The form filled in with a policy."""
    return {
        **{name: getattr(policy, name) for name in ("name", "description", "active", "restart")},
        **{stage: policy.enforce.at(stage) for stage in ("ci", "registry", "runtime")},
        "teams": ", ".join(policy.scope.teams),
        "repositories": "\n".join(policy.scope.repositories),
        "running": policy.scope.running,
        "rules": write_yaml(msgspec.to_builtins(policy.rules)) if policy.rules else "",
    }


def as_yaml(policy: PolicyDocument) -> str:
    """The whole document, as files have it."""
    return write_yaml(plain(policy))
