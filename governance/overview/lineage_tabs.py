"""The tabs of an image that are about its bases: lineage, work list, and what a rebuild would do."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.db.models import QuerySet

from governance.accounts.scope import edits
from governance.findings.burden import SIZE as WORK_SIZE
from governance.findings.burden import work_list
from governance.findings.preview import Preview, lines_in, previews
from governance.findings.traits import WORDS
from governance.images.correction import NOTHING
from governance.images.descent import evidence_for
from governance.images.freshness import Freshness, family_of, freshness_of
from governance.images.models import BaseEdge, Image
from governance.overview.contents import LEVELS
from governance.overview.lineage import BuiltOn, builders_of, built_on, family, sees, tree_of, visible_among
from governance.overview.tab_page import TabPage
from governance.web.forms import HouseForm
from governance.web.keyset import bounded_count, paginate
from governance.web.templatetags.portwarden import longest

CHILDREN = 25
# Other bases to show, and out of how many those that the viewer may see are picked.
OTHERS, LOOKED_AT = 8, 30


class BaseForm(HouseForm):
    """What the image was built on, and why that is known."""

    base = forms.CharField(
        max_length=400,
        label="Built on",
        help_text=f"registry/repository:tag, a digest, an image's number here, or “{NOTHING}” for nothing.",
    )
    reason = forms.CharField(max_length=500, help_text="Shown beside the base and in the audit trail.")


def hows(images: list[Image]) -> list[tuple[str, bool]]:
    """[(how the base of each is known, whether that is sure)]."""
    words = dict(BaseEdge.Rung.choices)
    return [(str(words.get(image.base_rung, "")), image.base_is_sure) for image in images]


class LineageTabs(TabPage):
    """`tab_…` methods, for `ImagePage`."""

    # The form as it came, where something was wrong with it.
    form: BaseForm | None = None

    @cached_property
    def ground(self) -> BuiltOn:
        """What the image was built on, and how that base stands to its tag."""
        return built_on(self.viewer, self.image)

    def tab_lineage(self, image: Image) -> dict[str, Any]:
        """What it stands on, how that is known, what stands on it."""
        chain, ties = family(image)
        rows = self.children(image)
        page = paginate(rows, ("-rank", "-id"), CHILDREN, self.request.GET.get("cursor", ""))
        whole = page.newer is None and page.older is None
        total, exact = (len(page.rows), True) if whole else bounded_count(rows)
        tree, is_whole = tree_of(self.viewer, image, chain) if chain or image.descendants else ("", True)
        evidence = evidence_for(image)
        stated = [one for one in evidence if one.rung == BaseEdge.Rung.CORRECTION.label and not one.is_revoked]
        return {
            "chain": [(row, *how) for row, how in zip(chain, hows([image, *chain]), strict=False)],
            "chain_top": longest(chain),
            "image_how": hows([image])[0][0],
            "ties": ties,
            "linked": visible_among(self.viewer, [*chain, *ties, *(one.base for one in evidence if one.base)]),
            "evidence": evidence,
            "correction": stated[0] if stated else None,
            "may_correct": edits(self.viewer, image.owners),
            "form": self.form or BaseForm(),
            "page": page,
            "total": total,
            "exact": exact,
            "tree": tree,
            "tree_is_whole": is_whole,
        }

    def children(self, image: Image) -> QuerySet[Image]:
        """What is built on it directly, and the viewer's to see."""
        rows = Image.objects.present().visible_to(self.viewer).filter(base=image)
        return rows.select_related("split").defer("split__own")

    def tab_work(self, image: Image) -> dict[str, Any]:
        """Each vulnerability of a base once, with how much inherits it."""
        picked = {"severity": self.text("severity"), "fixable": self.text("fixable")}
        fixable = {"true": True, "false": False}.get(picked["fixable"])
        found = work_list(image, LEVELS.get(picked["severity"], (None, None)), fixable, self.page())
        return {
            "work": found,
            "builders": builders_of(self.viewer, image),
            "levels": [(word, word.capitalize()) for word in LEVELS],
            "fixable_choices": [("true", "Fix known"), ("false", "No fix known")],
            "picked": picked,
            "any_picked": any(picked.values()),
            **self.pager(found.total, WORK_SIZE),
        }

    def tab_rebuild(self, image: Image) -> dict[str, Any]:
        """On the newest of the base's tag, and on other bases; of a base: what is built on it, on those."""
        as_base = bool(image.descendants) and self.text("as") != "child"
        old = image if as_base else None if image.base_name else image.base
        fresh = Freshness()
        if old is not None:
            fresh = freshness_of([image.pk])[image.pk] if as_base else self.ground.fresh
        own = [] if as_base else image.split.own if image.split else None
        newest, others = self.candidates(image, old, own, fresh) if old else (None, [])
        return {
            "as_base": as_base,
            "old": old,
            "old_is_visible": old is not None and sees(self.viewer, old),
            "fresh": fresh,
            "newest": newest,
            "others": others,
            "trait_words": WORDS,
            "linked": visible_among(self.viewer, [one.base for one in [newest, *others] if one]),
            **self.changes(newest),
        }

    def changes(self, newest: Preview | None) -> dict[str, Any]:
        """The lines that go and come, worst first."""
        if newest is None:
            return {"fixed": [], "brought": []}
        rows = lines_in([*newest.fixed, *newest.brought])
        return {"fixed": rows[: len(newest.fixed)], "brought": rows[len(newest.fixed) :]}

    def candidates(
        self, image: Image, old: Image, own: list[int] | None, fresh: Freshness
    ) -> tuple[Preview | None, list[Preview]]:
        """The preview on the newest of its tag, if it moved on, and those on others.

        A base's name is known to all who build on it, and so are its other tags; what else the fleet builds on is
        shown to those who may see it.
        """
        first = [fresh.newest] if fresh.newest else []
        ids = [*first, *family_of(old.pk, [image.pk, *first], LOOKED_AT)]
        rows = Image.objects.in_bulk(ids)
        shown = [rows[pk] for pk in ids if pk in rows]
        shown = [
            row
            for row in shown
            if row.pk == fresh.newest or row.repository_id == old.repository_id or sees(self.viewer, row)
        ]
        found = previews(image, old, own, shown[: OTHERS + len(first)])
        return (found[0], found[1:]) if first and found else (None, found)
