"""Portwarden on one machine with one command: the supervisor behind `make up`, and the embedded services it starts."""
