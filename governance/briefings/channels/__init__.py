"""The ways out: mail, and chat."""
