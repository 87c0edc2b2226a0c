"""The cores of a machine, shared out among the workers that run on it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from seqzoo.training.workers import Cluster


def keep_to_own_cores(cluster: Cluster) -> None:
    """Keeps this process to its part of the cores where other workers run on the same machine.

    Workers whose threads wander over the same cores wait for each other at every step. Threads
    that run already stay where they are, so it is to be called before TensorFlow computes anything.
    A process that somebody has kept to some of the cores keeps those.
    """
    if not hasattr(os, "sched_setaffinity"):  # it is Linux's
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == os.cpu_count():
        os.sched_setaffinity(0, own_cores(cores, cluster))


def own_cores(cores: Sequence[int], cluster: Cluster) -> Sequence[int]:
    """Returns a worker's part of the cores of its machine; all where there are not enough."""
    hosts = [address.rpartition(":")[0] for address in cluster.addresses]
    here = [place for place, host in enumerate(hosts) if host == hosts[cluster.index]]
    if len(here) > len(cores):
        return cores
    place, count = here.index(cluster.index), len(here)
    return cores[place * len(cores) // count : (place + 1) * len(cores) // count]
