"""Registries, repositories, images by content, their names over time, their layers."""

from governance.images.models.image import LIFE, Image, ImageConfig, ImageQuerySet, LayerNode
from governance.images.models.lineage import BaseEdge, BaseReach
from governance.images.models.names import Event, Manifest, Placement, Tag
from governance.images.models.registry import OwnerRule, Registry, Repository, RepositoryQuerySet
from governance.images.models.work import LineageWork, ReachWork, RunningWork, SplitWork, VerdictWork

__all__ = [
    "LIFE",
    "BaseEdge",
    "BaseReach",
    "Event",
    "Image",
    "ImageConfig",
    "ImageQuerySet",
    "LayerNode",
    "LineageWork",
    "Manifest",
    "OwnerRule",
    "Placement",
    "ReachWork",
    "Registry",
    "Repository",
    "RepositoryQuerySet",
    "RunningWork",
    "SplitWork",
    "Tag",
    "VerdictWork",
]
