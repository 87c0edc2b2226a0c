"""Worker processes on loopback, as a job manager would start them; and what one of them does.

As a program: trains the tiny bigram on all workers of `TF_CONFIG`, or alone without it, and writes
what it found as JSON to the file that is named.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def free_ports(count):
    """Ports of loopback that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def tf_config(ports, index):
    workers = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


def start(arguments, config=None, **options):
    """Starts Python with the tests on its path, as a worker where there is a `TF_CONFIG`."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), *sys.path])
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    if config is not None:
        environment["TF_CONFIG"] = config
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment, **settings)


def main(out):
    import keras
    import numpy as np
    from tiny_tasks import make_bigram, reversal_pairs

    from seqzoo.training import HistoryFile, Resume, strategy

    replicas = strategy("auto")
    keras.utils.set_random_seed(0)
    with replicas.scope():
        task = make_bigram(penalty=0.1)
        task.compile(keras.optimizers.SGD(0.5, global_clipnorm=0.05))
    folder = Path(out).parent / ("shared" if "TF_CONFIG" in os.environ else "alone_files")
    table = HistoryFile(folder / "history.csv")
    pairs, validation = reversal_pairs(23), reversal_pairs(9, seed=3)
    settings = {"validation_data": validation, "validation_batch_size": 4, "verbose": 0}
    callbacks = [table, Resume(folder / "checkpoints", [table], every=3)]
    task.fit(pairs, batch_size=5, epochs=2, callbacks=callbacks, **settings)
    ids = np.arange(12).reshape(4, 3) % 7 + 4
    found = {
        "replicas": replicas.num_replicas_in_sync,
        "rows": table.rows,
        "weights": [np.asarray(w).tolist() for w in task.get_weights()],
        "scores": task.evaluate(validation, batch_size=4, verbose=0, return_dict=True),
        "predictions": task.predict({"target_ids": ids}, batch_size=4, verbose=0).tolist(),
    }
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
