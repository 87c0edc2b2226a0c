"""Trains in a folder until it ends, or until it is killed in the midst of it.

As a program: FOLDER SECONDS, which are counted from the first step; `never` lets it end. It writes
the loss after every step to `losses.txt` and, in the end, all that it has learned to `weights.npz`.
"""

import os
import signal
import sys
import threading
from pathlib import Path

EPOCHS, BATCH = 6, 3


def main(folder, seconds):
    import keras
    import numpy as np
    import tiny_recipe

    from seqzoo.training import Adam, HistoryFile, Resume, strategy
    from seqzoo.training.environment import set_seed
    from seqzoo.training.strategies import is_chief

    replicas = strategy("auto")
    set_seed(0, deterministic=True)
    splits = tiny_recipe.load(None, tiny_recipe.Data(size=100))
    with replicas.scope():
        task = tiny_recipe.build(splits, tiny_recipe.Model())
        decay = keras.optimizers.schedules.CosineDecay(0.02, 200)
        task.compile(Adam(decay, global_clipnorm=1.0))
    losses = open(folder / f"losses_{os.getpid()}.txt", "w", buffering=1)  # noqa: SIM115

    class Losses(keras.callbacks.Callback):
        """Also draws from NumPy's generator, as a user's callback may."""

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if logs:
                drawn = np.random.random()
                losses.write(f"{self.epoch} {batch} {float(logs['loss'])!r} {drawn!r}\n")
                if seconds is not None and not timer.is_alive() and not timer.finished.is_set():
                    timer.start()

    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    timer = threading.Timer(seconds or 0, kill)
    timer.daemon = True
    table = HistoryFile(folder / "history.csv")
    best = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    resume = Resume(folder / "checkpoints", [table], best, every=4)
    task.fit(
        splits["train"],
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=splits["validation"],
        callbacks=[Losses(), best, table, resume],
        verbose=0,
    )
    if is_chief(replicas):
        arrays = [np.asarray(variable) for variable in task.variables + task.optimizer.variables]
        np.savez(folder / "weights.npz", *arrays)
    timer.cancel()


if __name__ == "__main__":
    main(Path(sys.argv[1]), None if sys.argv[2] == "never" else float(sys.argv[2]))
