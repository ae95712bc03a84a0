"""Derivatives of plain functions: gradients, Jacobians, Hessians, and their products.

Every function here takes a function ``f`` written with tensors or plain NumPy functions and gives
a function. Called with arrays it gives arrays. Called with tensors of a recording it gives
tensors, so that the transformations nest: ``grad(grad(f))``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glassnet.engines import Program
from glassnet.graph import dtypes
from glassnet.graph.derivative import gradients
from glassnet.graph.dimension import display
from glassnet.graph.order import topological
from glassnet.graph.recording import as_tensor, recording
from glassnet.graph.substitution import substitute_tensors
from glassnet.graph.tensor import STEP, Constant, Placeholder, Tensor
from glassnet.graph.variable import Variable
from glassnet.nest import flatten, map_structure, pack_like
from glassnet.ops import reshape, stack, zeros_like

Argnums = int | tuple[int, ...]
Function = Callable[..., Any]


def value_and_grad(
    f: Function, argnums: Argnums = 0, variables: Sequence[Variable] | None = None
) -> Function:
    """Return a function that gives ``(f(x), ∂f/∂x)`` for a scalar-valued ``f``.

    Args:
        f: a function of tensors that gives a scalar.
        argnums: by which argument to differentiate; a tuple gives a tuple of gradients.
        variables: differentiate by these variables instead of arguments; gives a list.

    >>> import glassnet as gn
    >>> value, slope = gn.value_and_grad(lambda x: x ** 3)(2.0)
    >>> float(value), float(slope)
    (8.0, 12.0)
    """

    return _on_arrays(lambda *args: _both(f, args, argnums, variables))


def _both(
    f: Function, args: Sequence[Any], argnums: Argnums, variables: Sequence[Variable] | None
) -> tuple[Tensor, Any]:
    value = as_tensor(f(*args))
    wrt = _wrt(args, argnums, variables)
    return value, pack_like(wrt, gradients([value], flatten(wrt)))


def grad(
    f: Function, argnums: Argnums = 0, variables: Sequence[Variable] | None = None
) -> Function:
    """Return a function that gives the gradient ``∂f/∂x`` of a scalar-valued ``f``.

    Arguments as for `value_and_grad`.

    >>> import numpy as np, glassnet as gn
    >>> gn.grad(lambda x: np.sum(np.sin(x)))(np.zeros(3)).tolist()
    [1.0, 1.0, 1.0]
    """
    both = value_and_grad(f, argnums, variables)
    return lambda *args: both(*args)[1]


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """Return ``f(x)`` and the function that takes ``u`` to ``uᵀ ∂f/∂x``, a tuple.

    >>> import numpy as np, glassnet as gn
    >>> y, pull = gn.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> pull(np.array([1.0, 10.0]))[0].tolist()
    [2.0, 40.0]
    """

    def pulled(cotangents: Any, *args: Any) -> Any:
        outputs = map_structure(as_tensor, f(*args))
        seeds = [as_tensor(c) for c in flatten(cotangents)]
        flat = flatten(outputs)
        _same_shapes("cotangent", seeds, flat)
        seeds = [s.astype(o.dtype) for s, o in zip(seeds, flat, strict=True)]
        return pack_like(args, gradients(flat, flatten(args), seeds))

    value = _on_arrays(lambda *args: map_structure(as_tensor, f(*args)))(*primals)
    return value, lambda cotangents: _on_arrays(pulled)(cotangents, *primals)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return ``f(x)`` and ``(∂f/∂x) v``: the change of f when x moves along ``v``.

    The product uᵀ (∂f/∂x) is linear in u; its derivative by u, weighted with v, is (∂f/∂x) v.

    >>> import glassnet as gn
    >>> _, slope = gn.jvp(lambda x: x ** 3, (2.0,), (1.0,))
    >>> float(slope)
    12.0
    """

    def pushed(args: Any, directions: Any) -> Any:
        outputs = map_structure(as_tensor, f(*args))
        return outputs, _push(outputs, flatten(args), flatten(directions))

    return _on_arrays(pushed)(tuple(primals), tuple(tangents))


def _push(outputs: Any, wrt: list[Tensor], directions: list[Any]) -> Any:
    flat = flatten(outputs)
    tangents = [as_tensor(d) for d in directions]
    _same_shapes("tangent", tangents, wrt)
    tangents = [t.astype(w.dtype) for t, w in zip(tangents, wrt, strict=True)]
    seeds: list[Tensor] = [Placeholder(o.shape, o.dtype, name="u") for o in flat]
    pulled = gradients(flat, wrt, seeds)
    return pack_like(outputs, gradients(pulled, seeds, tangents))


def hvp(
    f: Function, x: Any, v: Any, variables: Sequence[Variable] | None = None, args: Any = ()
) -> Any:
    """Return the Hessian-vector product ``∇²f(x) v`` without forming the Hessian.

    Args:
        f: a scalar-valued function.
        x: the point, an array or a structure of arrays; with ``variables`` it is ignored.
        v: the direction, arranged as ``x`` (or as ``variables``).
        variables: take the Hessian by these variables instead.
        args: further arguments of ``f``; with ``variables``, all of them.

    >>> import numpy as np, glassnet as gn
    >>> gn.hvp(lambda x: np.sum(x ** 3), np.array([1.0, 2.0]), np.array([1.0, 1.0])).tolist()
    [6.0, 12.0]
    """
    first: tuple[Any, ...] = () if variables is not None else (x,)

    def product(point: Any, direction: Any, rest: Any) -> Any:
        value = as_tensor(f(*point, *rest))
        wrt = list(variables) if variables is not None else point[0]
        slopes = gradients([value], flatten(wrt))
        directions = [
            as_tensor(d).astype(s.dtype) for d, s in zip(flatten(direction), slopes, strict=True)
        ]
        _same_shapes("v", directions, slopes)
        return pack_like(wrt, gradients(slopes, flatten(wrt), directions))

    return _on_arrays(product)(first, v, tuple(args))


def jacobian(f: Function, argnums: int = 0) -> Function:
    """Return a function that gives ``J[i…, j…] = ∂fᵢ/∂xⱼ``, of shape f's shape + x's shape.

    One row is computed an entry of the output, or one column an entry of the input, whichever
    are fewer.

    >>> import numpy as np, glassnet as gn
    >>> gn.jacobian(lambda x: x * x)(np.array([1.0, 3.0])).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """

    def differentiated(*args: Any) -> Any:
        output, x = as_tensor(f(*args)), args[argnums]
        rows, columns = output.size, x.size
        shape = (*output.shape, *x.shape)
        if rows <= columns:
            lines = [gradients([output], [x], [unit])[0] for unit in _units(output)]
            return reshape(stack(lines), shape) if lines else reshape(zeros_like(x), shape)
        lines = [_push(output, [x], [unit]) for unit in _units(x)]
        return reshape(stack([reshape(line, (-1,)) for line in lines], axis=1), shape)

    return _on_arrays(differentiated)


def hessian(f: Function, argnums: int = 0, variables: Sequence[Variable] | None = None) -> Function:
    """Return a function that gives ``H[i…, j…] = ∂²f/∂xᵢ∂xⱼ`` of a scalar-valued ``f``.

    With ``variables`` it gives the nested list of blocks ``H[a][b]``, of shape
    ``variables[a].shape + variables[b].shape``.

    >>> import numpy as np, glassnet as gn
    >>> gn.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0])).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """

    def differentiated(*args: Any) -> Any:
        value = as_tensor(f(*args))
        wrt: list[Tensor] = [args[argnums]] if variables is None else list(variables)
        slopes = gradients([value], wrt)
        blocks = [_hessian_blocks(slope, wrt) for slope in slopes]
        return blocks[0][0] if variables is None else blocks

    return _on_arrays(differentiated)


def _hessian_blocks(slope: Tensor, wrt: list[Tensor]) -> list[Tensor]:
    """The second derivatives by ``slope``'s own tensor and every tensor of ``wrt``."""
    rows = [gradients([slope], wrt, [unit]) for unit in _units(slope)]
    return [
        reshape(stack([row[i] for row in rows]), (*slope.shape, *w.shape))
        for i, w in enumerate(wrt)
    ]


def per_example_grad(
    f: Function,
    argnums: Argnums = 0,
    batched: Sequence[int] | None = None,
    variables: Sequence[Variable] | None = None,
) -> Function:
    """Return a function that gives the gradient of ``f`` for each example alone.

    Args:
        f: gives the scalar loss of a batch.
        argnums: by which argument to differentiate.
        batched: the arguments that hold one row an example; all of them for None (with
            ``variables``), all but ``argnums`` otherwise.
        variables: differentiate by these variables instead; gives a list.

    Each example runs through ``f`` as a batch of one, so the gradients of a mean over the batch
    average to the gradient of the batch, exactly. Layers that mix examples (batch normalisation
    in training) have no such parts; use them in inference mode.

    >>> import numpy as np, glassnet as gn
    >>> squared = lambda w, x: np.mean((x @ w) ** 2)
    >>> per_example = gn.per_example_grad(squared)
    >>> per_example(np.array([1.0, 0.0]), np.array([[1.0, 1.0], [2.0, 0.0]])).tolist()
    [[2.0, 2.0], [8.0, 0.0]]
    """

    def each(*args: Any) -> Any:
        fixed = {argnums} if isinstance(argnums, int) else set(argnums)
        chosen = set(range(len(args))) - (set() if variables is not None else fixed)
        if batched is not None:
            chosen = set(batched)
        arrays = [np.asarray(a) if i in chosen else a for i, a in enumerate(args)]
        count = len(arrays[min(chosen)])
        examples = [
            tuple(a[i : i + 1] if k in chosen else a for k, a in enumerate(arrays))
            for i in range(count)
        ]
        run = _recorded(lambda *one: _both(f, one, argnums, variables)[1], examples[0])
        rows = [run(*example) for example in examples]
        leaves = [np.stack(parts) for parts in zip(*map(flatten, rows), strict=True)]
        return pack_like(rows[0], leaves)

    return each


# --- helpers ----------------------------------------------------------------------------------
def _on_arrays(transformed: Function) -> Function:
    """Let a function of tensors take arrays: record it once for their shapes and run it.

    Where the recording turns out to depend on placeholders of an outer recording, the arrays
    join it as constants.
    """

    def run(*args: Any) -> Any:
        if any(isinstance(a, Tensor) and not isinstance(a, Constant) for a in flatten(args)):
            return transformed(*map_structure(as_tensor, args))
        return _recorded(transformed, args)(*args)

    return run


def _recorded(transformed: Function, args: Sequence[Any]) -> Function:
    """Record a function of tensors for arrays like ``args``; what comes back runs on such."""
    examples = [_float_array(a) for a in flatten(args)]
    holes = [Placeholder(a.shape, a.dtype, name=f"x{i}") for i, a in enumerate(examples)]
    with recording():
        outputs = transformed(*pack_like(tuple(args), list(holes)))
    flat = [as_tensor(o) for o in flatten(outputs)]
    if _foreign(flat, holes):
        constants: dict[Tensor, Tensor] = {
            h: Constant(a) for h, a in zip(holes, examples, strict=True)
        }
        joined = substitute_tensors(flat, constants)
        return lambda *_: pack_like(outputs, joined)
    program = Program(holes, flat)

    def run(*arrays: Any) -> Any:
        values = program.run(*map(_float_array, flatten(arrays)))
        return pack_like(outputs, [np.asarray(v) for v in values])

    return run


def _foreign(outputs: list[Tensor], holes: Sequence[Tensor]) -> bool:
    known = {id(h) for h in (*holes, STEP)}
    return any(isinstance(n, Placeholder) and id(n) not in known for n in topological(outputs))


def _float_array(value: Any) -> np.ndarray:
    """Python integers are taken as floats: nobody means the derivative by an integer."""
    array = np.asarray(as_tensor(value))
    if isinstance(value, (int, list, tuple)) and array.dtype.kind in "iu":
        return array.astype(dtypes.default_float())
    return array


def _wrt(args: Sequence[Any], argnums: Argnums, variables: Sequence[Variable] | None) -> Any:
    if variables is not None:
        return list(variables)
    chosen = args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in argnums)
    for tensor in flatten(chosen):
        if not dtypes.is_float(tensor.dtype):
            raise TypeError(
                f"A derivative by {tensor.dtype} values was asked for; only floats have one. "
                "Pass x.astype(float)."
            )
    return chosen


def _units(x: Tensor) -> list[Tensor]:
    """The unit tensors e₁, e₂, … of the shape of ``x``."""
    if not isinstance(x.size, int):
        raise ValueError(f"A full derivative needs known sizes; got {display(x.shape)}.")
    eye = np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)
    return [Constant(row) for row in eye]


def _same_shapes(what: str, given: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    for g, e in zip(given, expected, strict=True):
        if g.shape != e.shape:
            raise ValueError(f"{what}: expected shape {display(e.shape)}; got {display(g.shape)}.")
