"""The workers that `TF_CONFIG` names: read, checked, met before TensorFlow waits for them.

Those on one machine share out its cores.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'
_PAUSE = 0.1  # seconds between two attempts to reach a worker


class Cluster(NamedTuple):
    """All workers, the chief first, and which of them this process is."""

    addresses: tuple[str, ...]
    index: int


def read_cluster() -> Cluster | None:
    """Returns what the environment variable `TF_CONFIG` says; None where it is not set.

    Raises:
        ValueError: if it is no JSON, names no such worker, or has parameter servers.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"TF_CONFIG must be JSON such as {_EXAMPLE}. Received: {text[:200]!r} ({error})."
        ) from error
    try:
        cluster, task = config["cluster"], config["task"]
        if others := cluster.keys() - {"chief", "worker"}:
            raise ValueError(
                f"The cluster of TF_CONFIG must hold workers and at most one chief. Received: "
                f"{', '.join(sorted(others))}. Parameter servers are not supported."
            )
        chief, workers = list(cluster.get("chief", [])), list(cluster.get("worker", []))
        index = int(task["index"]) + (len(chief) if task["type"] == "worker" else 0)
        addresses = tuple(map(str, chief + workers))
        addresses[index if index >= 0 else len(addresses)]
        for address in addresses:
            _host_and_port(address)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"TF_CONFIG must name the workers and the task of this one, such as {_EXAMPLE}. "
            f"Received: {text[:200]!r}."
        ) from error
    return Cluster(addresses, index)


def meet(cluster: Cluster, seconds: float) -> None:
    """Waits until every worker has spoken with this one, and sees that all mean the same cluster.

    TensorFlow itself waits without end for a worker that does not come.

    Raises:
        TimeoutError: if a worker does not answer within `seconds`; it has the address.
        ValueError: if workers have different clusters, or two have the same index.
        OSError: if this worker cannot listen at its own address.
    """
    deadline = time.monotonic() + seconds
    silent = [index for index in range(len(cluster.addresses)) if index != cluster.index]
    with _listen(cluster) as heard:
        unanswered = list(silent)
        while silent or unanswered:
            for index in list(unanswered):
                if (answer := _ask(cluster, index)) is not None:
                    _check_same(cluster, answer)
                    unanswered.remove(index)
            for message in list(heard.values()):
                _check_same(cluster, message)
            silent = [index for index in silent if index not in heard]
            if (silent or unanswered) and time.monotonic() > deadline:
                index = (unanswered or silent)[0]
                raise TimeoutError(
                    f"Worker {index} at {cluster.addresses[index]} did not answer worker "
                    f"{cluster.index} within {seconds:g} seconds. Start it, or mend its address "
                    "in TF_CONFIG."
                )
            time.sleep(_PAUSE)


@contextlib.contextmanager
def _listen(cluster: Cluster) -> Iterator[dict[int, Any]]:
    """Answers the other workers, and returns their answers by their indices."""
    heard: dict[int, Any] = {}

    class Answer(socketserver.StreamRequestHandler):
        def handle(self):
            with contextlib.suppress(ValueError, OSError, TypeError):  # of strangers
                message = Cluster(*json.loads(self.rfile.readline()))
                self.wfile.write(_message(cluster))
                heard[message.index] = message

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    address = cluster.addresses[cluster.index]
    try:
        server = Server(("", _host_and_port(address)[1]), Answer)
    except OSError as error:
        raise OSError(
            f"Worker {cluster.index} cannot listen at {address}: {error.strerror}. Free the port, "
            "or give it another in TF_CONFIG."
        ) from error
    with server:
        threading.Thread(target=server.serve_forever, args=(_PAUSE,), daemon=True).start()
        try:
            yield heard
        finally:
            server.shutdown()


def _ask(cluster: Cluster, index: int) -> Cluster | None:
    """Tells a worker of this one and returns what it answers; None where it does not."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        target = _host_and_port(cluster.addresses[index])
        with socket.create_connection(target, timeout=1) as connection:
            connection.sendall(_message(cluster))
            return Cluster(*json.loads(connection.makefile().readline()))
    return None


def _message(cluster: Cluster) -> bytes:
    return json.dumps(cluster).encode() + b"\n"


def _check_same(cluster: Cluster, other: Cluster) -> None:
    theirs = tuple(other.addresses)
    if theirs != cluster.addresses:
        raise ValueError(
            f"TF_CONFIG must name the same workers everywhere. Received: "
            f"{', '.join(cluster.addresses)} at worker {cluster.index}, and {', '.join(theirs)} "
            f"at worker {other.index}."
        )
    if other.index == cluster.index:
        raise ValueError(
            "Each worker must have an index of its own in TF_CONFIG. Received: two workers "
            f"{other.index}."
        )


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"A worker's address in TF_CONFIG is host:port. Received: {address!r}.")
    return host.strip("[]"), int(port)


def keep_to_own_cores(cluster: Cluster) -> None:
    """Binds this process to its part of the cores where other workers run on the same machine.

    Workers whose threads share cores wait for each other at every step. Threads that run already
    stay where they are, so it is to be called before TensorFlow computes anything.
    A process that was already bound to some of the cores stays on those.
    """
    if not hasattr(os, "sched_setaffinity"):  # it is Linux's
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == os.cpu_count():
        os.sched_setaffinity(0, own_cores(cores, cluster))


def own_cores(cores: Sequence[int], cluster: Cluster) -> Sequence[int]:
    """Returns a worker's part of the cores of its machine; all where there are not enough."""
    hosts = [address.rpartition(":")[0] for address in cluster.addresses]
    here = [index for index, host in enumerate(hosts) if host == hosts[cluster.index]]
    if len(here) > len(cores):
        return cores
    index, count = here.index(cluster.index), len(here)
    return cores[index * len(cores) // count : (index + 1) * len(cores) // count]
