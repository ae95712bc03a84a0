"""Every rule of the specification of a legal graph, violated once."""

from dataclasses import dataclass

import numpy as np
import pytest

from glassnet.graph import OPS, Constant, Dim, IllegalGraph, Op, Placeholder, Tensor, check_graph
from glassnet.ops.elementwise import Add, Exp
from glassnet.ops.shaping import BroadcastTo

X = Placeholder((2, 3), name="x")
F32 = np.dtype("float32")


@pytest.fixture(autouse=True)
def ops_as_before():
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


def test_a_legal_graph_passes():
    check_graph([np.exp(X) + 1], [X])


def test_rule_1_a_leaf_is_a_known_kind():
    with pytest.raises(IllegalGraph, match="rule 1"):
        check_graph([Tensor(None, (), (2,), F32)])


def test_rule_1_a_leaf_has_no_inputs():
    leaf = Placeholder((2,))
    leaf.inputs = (X,)
    with pytest.raises(IllegalGraph, match="rule 1"):
        check_graph([leaf])


def test_rule_1_a_constant_holds_what_it_says():
    wrong = Constant(np.zeros(3))
    wrong.value = np.zeros(4)
    with pytest.raises(IllegalGraph, match="rule 1"):
        check_graph([wrong])


def test_rule_2_ops_are_registered():
    node = np.exp(X)
    del OPS["exp"]
    with pytest.raises(IllegalGraph, match="rule 2"):
        check_graph([node])


def test_rule_2_parameters_cannot_change():
    @dataclass(frozen=True)
    class Listed(Op):
        name = "listed_parameter"
        items: object = ()

        def infer(self, x):
            return x.shape, x.dtype

        def value(self, xp, x):
            return x

    with pytest.raises(IllegalGraph, match="rule 2"):
        check_graph([Tensor(Listed([1]), (X,), X.shape, X.dtype)])


@pytest.mark.parametrize(("shape", "dtype"), [((2, 4), "float32"), ((2, 3), "float64")])
def test_rule_3_shape_and_dtype_are_the_inferred(shape, dtype):
    with pytest.raises(IllegalGraph, match=r"rule 3: .* should be float32 \(2, 3\)"):
        check_graph([Tensor(Exp(), (X,), shape, np.dtype(dtype))])


@pytest.mark.parametrize("size", [-1, 2.0, "m", None])
def test_rule_4_sizes(size):
    with pytest.raises(IllegalGraph, match="rule 4"):
        check_graph([Placeholder((size,))])


def test_rule_4_named_sizes_come_from_inputs():
    node = Tensor(BroadcastTo((Dim.named("k"), 3)), (X[0],), (Dim.named("k"), 3), F32)
    with pytest.raises(IllegalGraph, match=r"rule 4: .* no input carries k"):
        check_graph([node], [X])
    check_graph([node], [X, Placeholder((Dim.named("k"),))])


def test_rule_5_dtypes():
    wrong = Constant(np.zeros(2, complex))
    with pytest.raises(IllegalGraph, match="rule 5"):
        check_graph([wrong])


def test_rule_6_no_cycle():
    first = np.exp(X)
    second = Tensor(Add(), (first, X), (2, 3), F32)
    first.inputs = (second,)
    with pytest.raises(IllegalGraph, match="rule 6"):
        check_graph([second])
