"""Where images run: clusters and hosts, the agents that tell of them, workloads; and results of benchmarks."""

from governance.runtime.models.benchmarks import BenchmarkResult, BenchmarkRun
from governance.runtime.models.places import Agent, Cluster
from governance.runtime.models.workloads import Running, Sighting, Workload

__all__ = ["Agent", "BenchmarkResult", "BenchmarkRun", "Cluster", "Running", "Sighting", "Workload"]
