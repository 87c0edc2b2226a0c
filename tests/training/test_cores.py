"""Workers on one machine share its cores."""

import os
import subprocess
import sys

import pytest
from worker_processes import tf_config

from seqzoo.training.workers import Cluster, own_cores

CLUSTER = ("a:1", "b:1", "a:2", "a:3")


@pytest.mark.parametrize(
    ("index", "cores", "wanted"),
    [
        (0, range(8), [0, 1]),
        (2, range(8), [2, 3, 4]),
        (3, range(8), [5, 6, 7]),
        (1, range(8), list(range(8))),
        (0, [3, 5], [3, 5]),
        (2, [1, 4, 6], [4]),
    ],
)
def test_workers_of_one_host_get_cores_of_their_own(index, cores, wanted):
    assert list(own_cores(cores, Cluster(CLUSTER, index))) == wanted


_KEPT = """
import os, sys
from seqzoo.training.workers import keep_to_own_cores, read_cluster
os.cpu_count = lambda: int(sys.argv[1])
keep_to_own_cores(read_cluster())
print(len(os.sched_getaffinity(0)))
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinity is Linux's")
@pytest.mark.parametrize("is_free", [True, False])
def test_a_worker_keeps_to_its_cores_unless_it_has_been_kept_to_some(is_free):
    count = len(os.sched_getaffinity(0))
    environment = os.environ | {"TF_CONFIG": tf_config([1, 2], 1)}
    arguments = [sys.executable, "-c", _KEPT, str(count if is_free else count + 1)]
    found = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    assert int(found.stdout) == (count - count // 2 if is_free and count > 1 else count)
