"""Every op says its formula, and the program that is printed from it computes the op's value."""

import numpy as np
import pytest

from glassnet.explain.code.terms import NumpyPrinter, functions_in, source_of
from glassnet.formulas import Applied, Name, Quantity, matrix_shape
from glassnet.graph import OPS
from glassnet.graph.dimension import Dim, bind
from glassnet.graph.recording import record
from glassnet.graph.tensor import Placeholder

PLAIN = {
    # Ops whose program is not ours to print, each with the reason.
    "numpy_forward": "a brick's own Python",
    "numpy_backward": "a brick's own Python",
}
TRIALS = [
    pytest.param(sample, named, id=f"{name}-{i}{'-m' if named else ''}")
    for name in sorted(OPS)
    if name not in PLAIN
    for i, sample in enumerate(OPS[name].samples())
    for named in ((False, True) if sample.inputs and sample.inputs[0].ndim else (False,))
]


def recorded(sample, named):
    """The op on placeholders, with m in the place of the first axis's length where that fits."""
    size = sample.inputs[0].shape[0] if named else None
    alike = {i for i, a in enumerate(sample.inputs) if named and a.shape[:1] == (size,)}
    for which in (alike, {0} & alike):  # of all inputs of that length; or it is a coincidence
        inputs = [
            Placeholder((Dim.named("m"), *a.shape[1:]) if i in which else a.shape, a.dtype)
            for i, a in enumerate(sample.inputs)
        ]
        try:
            return inputs, record(sample.op, *inputs)
        except (ValueError, TypeError):
            continue
    pytest.skip("the op's parameters fix the length of the first axis")


@pytest.mark.parametrize(("sample", "named"), TRIALS)
def test_the_printed_program_computes_the_value(sample, named):
    inputs, node = recorded(sample, named)
    sizes = {"m": sample.inputs[0].shape[0]} if named else {}
    terms = [Quantity(Name("x", index=i), matrix_shape(p.shape)) for i, p in enumerate(inputs, 1)]
    term = node.op.formula(node, *terms)
    assert term is not None, f"op {node.op.name!r} says no formula"
    shape = matrix_shape(node.shape)
    lines = [*source_of(functions_in([term])), f"value = {NumpyPrinter().value(term, shape)}"]
    program = "\n".join(lines)
    given = {
        str(t.name): np.asarray(array).reshape([bind(s, sizes) for s in t.shape])
        for t, array in zip(terms, sample.inputs, strict=True)
    }
    before = {key: array.copy() for key, array in given.items()}
    space = {"np": np, **sizes, **given}
    with np.errstate(all="ignore"):
        exec(program, space)
        expected = np.asarray(sample.op.value(np, *sample.inputs))
    value = np.asarray(space["value"])
    expected = expected.reshape([bind(s, sizes) for s in shape])
    assert value.shape == expected.shape, program
    if value.dtype.kind == "f" and not node.op.name.startswith(("random", "bernoulli")):
        size = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15 * size, err_msg=program)
    else:
        np.testing.assert_array_equal(value, expected, err_msg=program)
    for key, array in before.items():
        np.testing.assert_array_equal(given[key], array, err_msg=f"{key} was changed by {program}")


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_op_says_a_formula_of_its_own(name):
    for sample in OPS[name].samples():
        inputs, node = recorded(sample, named=False)
        terms = [Quantity(Name("x", index=i), matrix_shape(p.shape)) for i, p in enumerate(inputs)]
        term = node.op.formula(node, *terms)
        assert term is not None, f"op {name!r} is written by its name alone"
        called = [part.function for part in term.walk() if isinstance(part, Applied)]
        sayable = all(f.source or hasattr(np, f.numpy.removeprefix("np.")) for f in called)
        assert sayable == (name not in PLAIN), called
