"""The project: all that Portwarden knows and decides."""
