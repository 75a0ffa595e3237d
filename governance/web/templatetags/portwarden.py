"""Template words for what pages show again and again."""

from __future__ import annotations

from django import template

register = template.Library()
