"""How to reproduce the run: the command, the program, the fingerprint of the weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.explain.code import code_of
from glassnet.explain.report.markup import attempted, facts, heading, listing, sentence
from glassnet.explain.report.subject import Subject
from glassnet.explain.report.versions import versions
from glassnet.inspection.histories import run_histories
from glassnet.layers import Normalization
from glassnet.models import Sequential

_CHECK = """\
import hashlib, glassnet
weights = glassnet.load({file!r}).get_weights()
print(hashlib.sha256(b"".join(w.tobytes() for w in weights)).hexdigest())"""


def reproduce(subject: Subject) -> Iterator[str]:
    """Yield the command, the program, and how to tell that the same came out."""
    if subject.command:
        yield heading("The command")
        yield listing(subject.command, "The command")
    yield heading("The program")
    yield attempted("The program", lambda: [listing(program(subject), "The program")])
    yield sentence(_promise(subject))
    yield heading("The weights")
    yield facts("Fingerprints", list(_fingerprints(subject)))
    file = subject.weights_file.name if subject.weights_file else "model.safetensors"
    yield listing(_CHECK.format(file=file), "How to compute the fingerprint")


def _promise(subject: Subject) -> str:
    if subject.seed is None:
        return (
            "The seed of the run is not known, so another run ends with other weights; "
            "report(…, seed=…) tells it."
        )
    return (
        "With the same seed, data, versions and machine, a network made and trained so ends with "
        "the same weights, bit for bit; another machine may round differently. Callbacks, and "
        "weights of examples, are not recorded."
    )


def program(subject: Subject) -> str:
    """Return Python that makes the network, compiles it and trains it as this run did."""
    made = code_of(subject.model, "keras", weights="fresh").rstrip()
    lines = made.replace("import keras\n", "import glassnet as keras\n", 1)
    lines = lines.replace("from keras import", "from glassnet import")
    if subject.seed is not None:
        start = lines.index("\n\n") + 2
        seed = f"keras.utils.set_random_seed({subject.seed})\n\n"
        lines = lines[:start] + seed + lines[start:]
    lines = _adapted(subject.model, lines)
    told = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"# {told}\n{lines}\n\n{_fit(subject)}"


def _adapted(model: Any, lines: str) -> str:
    """The program with the call by which a normalization learns what its inputs are like."""
    first = model.layers[0] if isinstance(model, Sequential) and model.layers else None

    def call(found: re.Match[str]) -> str:
        name = found["name"]
        if isinstance(first, Normalization):
            return f"{found[0]}\n{name}.adapt(x_train)"
        return f"{found[0]}\n# {name}.adapt(…), on what it sees of x_train"

    made = r"^(?P<name>\w+) = layers\.Normalization\((?!.*\bmean=).*\)$"
    return re.sub(made, call, lines, flags=re.MULTILINE)


def _fit(subject: Subject) -> str:
    given = ["x_train", "y_train"]
    record = getattr(subject.history, "record", None)
    if record is not None and record.batch_size:
        given.append(f"batch_size={record.batch_size}")
    if subject.history is not None:
        run = run_histories(subject.history)[0]
        given.append(f"epochs={len(run.epochs)}")
        if any(name.startswith("val_") for name in run.values):
            given.append("validation_data=(x_test, y_test)")
    return f"history = model.fit({', '.join(given)})\nmodel.evaluate(x_test, y_test)"


def _fingerprints(subject: Subject) -> Iterator[tuple[str, str]]:
    yield "SHA-256 of all weights", f"<code>{fingerprint(subject.model)}</code>"
    if subject.weights_file is not None:
        yield (
            f"SHA-256 of the file {subject.weights_file.name}",
            f"<code>{_of_file(subject.weights_file)}</code>",
        )


def fingerprint(model: Any) -> str:
    """Return the SHA-256 of the bytes of all weights, one after the other."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _of_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
