"""A training run for test_backup: `python interrupted_run.py FOLDER SEED FREQ PAUSE`.

Trains with everything that a resumed run could get wrong: shuffling, dropout, moving statistics,
Adam, a plateau, a schedule-like change at each epoch, early stopping with the best weights. Writes
the final weights to FOLDER/final.npz. SEED is "none" in the runs that go on.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

import glassnet as gn


def main(folder: Path, seed: str, freq: str, pause: float) -> None:
    if seed != "none":
        gn.utils.set_random_seed(int(seed))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 6)).astype("float32")
    y = np.sin(x.sum(1, keepdims=True)).astype("float32")
    model = gn.Sequential(
        [
            gn.layers.Dense(8, activation="tanh"),
            gn.layers.BatchNormalization(),
            gn.layers.Dropout(0.3),
            gn.layers.Dense(1),
        ]
    )
    model.compile(gn.optimizers.Adam(0.02), "mse", metrics=["mae"])
    cb = gn.callbacks
    callbacks = [
        cb.BackupAndRestore(folder / "backup", freq if freq == "epoch" else int(freq)),
        cb.EarlyStopping("val_loss", patience=30, restore_best_weights=True),
        cb.ReduceLROnPlateau("val_loss", patience=1, factor=0.8, min_delta=0.01, cooldown=1),
        cb.LearningRateScheduler(lambda epoch, rate: rate * 0.98),
        cb.CSVLogger(folder / "log.csv"),
        cb.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(pause)),
    ]
    run = model.fit(
        x, y, batch_size=16, epochs=16, verbose=0, validation_split=0.2, callbacks=callbacks
    )
    arrays = {str(i): w for i, w in enumerate(model.get_weights())}
    state = {f"o{i}": v.value for i, v in enumerate(model.optimizer.variables)}
    np.savez(folder / "final.npz", **arrays, **state)
    (folder / "history.json").write_text(json.dumps([run.epoch, run.history]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))
