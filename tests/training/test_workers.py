"""Several workers: `TF_CONFIG`, how they meet, and two real processes that train together."""

import json
import threading

import numpy as np
import pytest
import worker_processes
from worker_processes import free_ports, start, tf_config

from seqzoo.training.workers import Cluster, meet, read_cluster


def test_without_tf_config_there_is_no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert read_cluster() is None


def test_a_chief_comes_before_the_workers(monkeypatch):
    cluster = {"chief": ["a:1"], "worker": ["b:2", "[::1]:3"]}
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert read_cluster() == Cluster(("a:1", "b:2", "[::1]:3"), 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"TF_CONFIG must be JSON such as .*\. Received: '\{' \(Expecting"),
        ("[]", r"TF_CONFIG must name the workers and the task .* Received: '\[\]'"),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG must name the workers and the task"),
        (tf_config([1, 2], 2), "TF_CONFIG must name the workers and the task"),
        (tf_config([1, 2], -1), "TF_CONFIG must name the workers and the task"),
        (tf_config(["x"], 0), r"address in TF_CONFIG is host:port\. Received: '127.0.0.1:x'"),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
            r"Received: ps\. Parameter servers are not supported",
        ),
    ],
)
def test_a_wrong_tf_config_is_explained(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message):
        read_cluster()


def meetings(clusters, seconds):
    """What came of meetings that were tried at the same time: an error, or None."""
    found = [None] * len(clusters)

    def run(place):
        try:
            meet(clusters[place], seconds)
        except (ValueError, OSError) as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(clusters))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_workers_of_one_cluster_meet():
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(3))
    assert meetings([Cluster(addresses, place) for place in range(3)], 60) == [None] * 3


def test_a_worker_that_does_not_come_is_named_with_its_address():
    here, there = (f"127.0.0.1:{port}" for port in free_ports(2))
    (error,) = meetings([Cluster((here, there), 0)], 0.5)
    assert isinstance(error, TimeoutError)
    assert str(error).startswith(
        f"Worker 1 at {there} did not answer worker 0 within 0.5 seconds. Start it, or mend"
    )


def test_workers_with_other_clusters_refuse_each_other():
    a, b, c = (f"127.0.0.1:{port}" for port in free_ports(3))
    for error in meetings([Cluster((a, b), 0), Cluster((a, b, c), 1)], 3):
        assert "TF_CONFIG must name the same workers everywhere. Received: " in str(error)
        assert f"{a}, {b}, {c} at worker 1" in str(error)


def test_two_workers_with_one_address_are_an_error():
    here, there = (f"127.0.0.1:{port}" for port in free_ports(2))
    errors = meetings([Cluster((here, there), 0), Cluster((here, there), 0)], 0.5)
    assert any(f"Worker 0 cannot listen at {here}: " in str(error) for error in errors)


def test_two_worker_processes_learn_measure_and_predict_what_one_process_does(tmp_path):
    ports = free_ports(2)
    program, names = worker_processes.__file__, ("worker_0", "worker_1", "alone")
    configs = (tf_config(ports, 0), tf_config(ports, 1), None)
    running = [
        start([program, tmp_path / name], config)
        for name, config in zip(names, configs, strict=True)
    ]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], "\n".join(errors)

    *workers, alone = (json.loads((tmp_path / name).read_text()) for name in names)
    assert alone["replicas"] == 1
    for found in workers:
        assert found["replicas"] == 2
        for weights, wanted in zip(found["weights"], alone["weights"], strict=True):
            np.testing.assert_allclose(weights, wanted, rtol=1e-5, atol=1e-6)
        for row, wanted in zip(found["rows"], alone["rows"], strict=True):
            assert row == pytest.approx(wanted, rel=1e-5)
        assert found["scores"] == pytest.approx(alone["scores"], rel=1e-5)
        np.testing.assert_allclose(found["predictions"], alone["predictions"], rtol=1e-4, atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "shared").rglob("*")) == sorted(
        path.name for path in (tmp_path / "alone_files").rglob("*")
    )
