"""The workers that `TF_CONFIG` names: read, checked, and met before TensorFlow waits for them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
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
        ValueError: if workers have different clusters, or one place in it.
        OSError: if this worker cannot listen at its own address.
    """
    deadline = time.monotonic() + seconds
    silent = [place for place in range(len(cluster.addresses)) if place != cluster.index]
    with _listen(cluster) as heard:
        unasked = list(silent)
        while silent or unasked:
            for place in list(unasked):
                if (answer := _ask(cluster, place)) is not None:
                    _check_same(cluster, answer)
                    unasked.remove(place)
            for message in list(heard.values()):
                _check_same(cluster, message)
            silent = [place for place in silent if place not in heard]
            if (silent or unasked) and time.monotonic() > deadline:
                place = (unasked or silent)[0]
                raise TimeoutError(
                    f"Worker {place} at {cluster.addresses[place]} did not answer worker "
                    f"{cluster.index} within {seconds:g} seconds. Start it, or mend its address "
                    "in TF_CONFIG."
                )
            time.sleep(_PAUSE)


@contextlib.contextmanager
def _listen(cluster: Cluster) -> Iterator[dict[int, Any]]:
    """Answers the other workers, and gives what they have said by their places."""
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


def _ask(cluster: Cluster, place: int) -> Cluster | None:
    """Tells a worker of this one and returns what it answers; None where it does not."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        target = _host_and_port(cluster.addresses[place])
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
