"""portwarden-agent: tells Portwarden what an engine or a Kubernetes cluster runs. A small program of its own.

It uses Python's standard library alone (3.9 and later) and nothing else of Portwarden, so that it runs where nothing
can be installed; `scanning.programs.archive` packs it into the one file that people fetch.
"""

VERSION = "1.0"
