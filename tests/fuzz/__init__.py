"""Broken reports of every format, by the ten thousand: `make fuzz`. No case may end otherwise than read or refused."""
