"""The benchmarks: `make bench` (`python -m tests.bench --help`). No test; measures what design and README promise."""
