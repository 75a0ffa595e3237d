"""Runs one part in a process of its own: `python -m tests.bench.part NAME ARGUMENT…`; its figures are the last line."""

from __future__ import annotations

import importlib
import json
import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    django.setup()
    part = importlib.import_module(f"tests.bench.{sys.argv[1]}")
    print(json.dumps(part.measure(*sys.argv[2:])))
