"""What every registered op must fulfil; a new op is checked unasked."""

import dataclasses
import re

import pytest

import glassnet
import glassnet.ops
from glassnet.graph import OPS, Op
from glassnet.testing import check_op

NAMES = sorted(OPS)


def test_the_table_is_full():
    assert len(NAMES) > 90, glassnet


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_value_and_both_derivatives(name, dtype):
    check_op(OPS[name], dtype)


@pytest.mark.parametrize("name", NAMES)
def test_form(name):
    op = OPS[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
    assert op.name == name
    assert op.__dataclass_params__.frozen, f"{op} is no frozen dataclass"
    own_rule = op.vjp is not Op.vjp
    assert own_rule == op.differentiable, f"{op}: a rule, or differentiable = False; not both"
    for field in dataclasses.fields(op):
        assert field.default is not dataclasses.MISSING, f"{op}.{field.name} has no default"
    for sample in op.samples():
        assert type(sample.op) is op
        assert hash(sample.op) == hash(dataclasses.replace(sample.op))
