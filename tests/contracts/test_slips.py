"""What every slip must fulfil: the wrong rules that ops declare run, fit, and are wrong."""

import string

import numpy as np
import pytest

import glassnet
from glassnet.explain.doctor.diagnosis.catalogue.kinds import KINDS
from glassnet.graph import OPS
from glassnet.graph.dtypes import is_float
from glassnet.graph.op import Sample
from glassnet.graph.slip import RIGHT, Slip
from glassnet.graph.tensor import Constant

ALL = {kind for family in KINDS.values() for kind in family}
NAMES = sorted(name for name, op in OPS.items() if list(op().slips()))
MANY = 12
"""Samples of an op that are tried."""


def roomy(op, samples):
    """More samples where there is room for mistakes: ties, and products of any order."""
    if op.name == "matmul":
        square = np.random.default_rng(1).normal(size=(2, 3, 3))
        return [Sample(op(), (square[0], square[1]))]
    return [Sample(s.op, (np.sign(s.inputs[0]),)) for s in samples] if op.name == "max_pool" else []


def trials(op):
    """Each sample in float64: the op, its inputs and value, a derivative by it, the right rule."""
    rng = np.random.default_rng(0)
    samples = list(op.samples())[:MANY]
    samples += roomy(op, samples)
    for sample in samples:
        arrays = [np.asarray(a) for a in sample.inputs]
        arrays = [a.astype(np.float64) if is_float(a.dtype) else a for a in arrays]
        y = np.asarray(sample.op.value(np, *arrays))
        g = rng.normal(size=y.shape)
        right = sample.op.vjp(Constant(g), Constant(y), *map(Constant, arrays))
        yield sample.op, arrays, y, g, [None if r is None else np.asarray(r) for r in right]


def parts(slip, op, arrays, y, g, right):
    """What the slip gives, RIGHT filled in; None where it does not fit these arrays."""
    with np.errstate(all="ignore"):
        try:
            found = slip.way(op, g, y, *arrays)
        except ValueError:  # shapes that nobody could have multiplied
            return None
    assert isinstance(found, tuple)
    assert len(found) == len(arrays)
    return [r if f is RIGHT else f for f, r in zip(found, right, strict=True)]


def test_ops_have_slips():
    assert {"matmul", "convolution", "max_pool", "average_pool", "softmax"} <= set(NAMES), glassnet
    assert len(NAMES) >= 7


@pytest.mark.parametrize("name", NAMES)
def test_they_run_and_fit(name):
    op = OPS[name]
    for trial in trials(op):
        for slip in op().slips():
            found = parts(slip, *trial)
            for part, array in zip(found or (), trial[1], strict=bool(found)):
                assert part is None or np.ndim(part) == array.ndim, slip
                if part is not None and slip.kind != "transpose forgotten":
                    assert np.shape(part) == array.shape, slip  # such products may fit by chance


@pytest.mark.parametrize("name", NAMES)
def test_each_is_wrong_somewhere(name):
    op = OPS[name]
    tried = list(trials(op))
    for slip in op().slips():
        differing = 0
        for trial in tried:
            found, right = parts(slip, *trial), trial[-1]
            sample, arrays, y = trial[:3]
            if slip.value is not None:
                value = np.asarray(slip.value(sample, *arrays))
                assert value.shape == y.shape, slip
                differing += not np.allclose(value, y)
            differing += found is not None and any(
                f is not None and (np.shape(f) != np.shape(r) or not np.allclose(f, r))
                for f, r in zip(found, right, strict=True)
            )
        assert differing or slip.harmless, slip


@pytest.mark.parametrize("name", NAMES)
def test_they_leave_the_arrays_alone(name):
    op = OPS[name]
    for trial in trials(op):
        before = [np.copy(a) for a in (*trial[1], trial[2], trial[3])]
        for slip in op().slips():
            parts(slip, *trial)
        for a, b in zip(before, (*trial[1], trial[2], trial[3]), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_form(name):
    for slip in OPS[name]().slips():
        assert isinstance(slip, Slip)
        assert slip.kind in ALL
        assert slip.sentence.endswith(".")
        assert not slip.mend.endswith(".")
        assert 0.4 <= slip.weight <= 2
        for text in (slip.sentence, slip.mend):
            fields = {field for _, field, _, _ in string.Formatter().parse(text) if field}
            assert fields <= {"x0", "x1", "dx0", "dx1", "y", "dy", "where"}, slip
