"""Matrix products and Einstein's sums, natively, against NumPy."""

import itertools
import threading

import numpy as np
import pytest

import glassnet.engines.native.lowering.contraction
import glassnet.engines.native.lowering.linear  # noqa: F401
from glassnet.engines.native import blas
from glassnet.engines.native.kernels import products
from glassnet.engines.native.lowering import linear
from glassnet.engines.native.lowering.base import SLICES, SUM, Builder
from glassnet.engines.native.trial import Memory, run_op
from glassnet.ops.contraction import Einsum
from glassnet.ops.linear import MatMul

FLOATS = ["float32", "float64"]
# Kernels by products that the rule gives them, which looks at the layout too: m, k, n.
SIZES = {
    "tiny": [(4, 2, 3), (4, 3, 1), (1, 1, 1), (3, 4, 1), (4, 1, 3)],
    "row|dots": [(1, 5, 7), (1, 300, 128), (1, 13, 300), (9, 7, 1), (40, 33, 1), (1, 70, 1)],
    "few": [(2, 9, 33), (3, 40, 5), (4, 6, 64), (4, 70, 65)],
    "block": [(5, 1, 17), (9, 5, 2), (23, 15, 26), (17, 33, 47), (31, 15, 10)],
    "block|across": [(8, 16, 16), (16, 9, 18), (12, 40, 33), (32, 17, 47)],
    "block|dots": [(13, 150, 3), (16, 65, 2)],
    "block|paired|paired_rows|across": [(23, 70, 25), (66, 65, 20), (64, 16, 40), (16, 519, 13)],
}


@pytest.fixture(autouse=True)
def _kernels_of_a_machine_with_wide_vectors(monkeypatch):
    """They are right on every machine, though not everywhere fast."""
    monkeypatch.setattr(linear, "wide_vectors", lambda: True)


def tolerance(dtype, k=1):
    return {"rtol": 1e-5 if dtype == "float32" else 1e-12, "atol": k * np.finfo(dtype).eps * 4}


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def laid_out(array, form):
    """The same matrix in another layout: by columns, in a larger one, with gaps, from the end."""
    rows, columns = array.shape
    if form == "by columns":
        return np.asfortranarray(array)
    if form == "in a larger one":
        made = np.full((rows, columns + 3), np.nan, array.dtype)[:, 1 : columns + 1]
    elif form == "with gaps":
        made = np.full((rows, 2 * columns), np.nan, array.dtype)[:, ::2]
    elif form == "from the end":
        made = np.empty_like(array)[::-1, ::-1]
    else:
        return np.ascontiguousarray(array)
    made[...] = array
    return made


FORMS = ["by rows", "by columns", "in a larger one", "with gaps", "from the end"]


def compute(a, b, *, bias=None, old=None, kernel=None):
    """The product by ``linear.product``; ``kernel`` is the one that must have done it."""
    memory, builder = Memory(), Builder(accumulating=old is not None)
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    out = memory.bring(np.full(shape, np.nan, a.dtype) if old is None else old)
    row = None if bias is None else memory.bring(bias)
    assert linear.product(builder, out, memory.bring(a), memory.bring(b), row)
    if kernel is not None:
        found = builder.instructions[-1].kernel
        assert found.startswith(tuple(f"products.{one}:" for one in kernel.split("|"))), found
    memory.run(builder)
    return memory.array(out)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [MatMul, Einsum])
def test_samples(op, dtype):
    for sample in op.samples():
        arrays = [a.astype(dtype) for a in sample.inputs]
        found, expected = run_op(sample.op, *arrays), sample.op.value(np, *arrays)
        assert found is not None
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, **tolerance(dtype, 10))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kernel", SIZES)
def test_every_layout_of_both_factors(kernel, dtype):
    for (m, k, n), first, second in itertools.product(SIZES[kernel], FORMS, FORMS):
        a, b = draw((m, k), dtype), draw((k, n), dtype, 1)
        found = compute(laid_out(a, first), laid_out(b, second), kernel=kernel)
        np.testing.assert_allclose(found, a @ b, **tolerance(dtype, k), err_msg=f"{m} {k} {n}")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kernel", SIZES)
def test_bias_and_accumulation(kernel, dtype):
    for m, k, n in SIZES[kernel]:
        a, b, bias, old = (draw(s, dtype) for s in ((m, k), (k, n), (n,), (m, n)))
        expected = a @ b
        for row, held in itertools.product((None, bias), (None, old)):
            total = expected + (0 if row is None else row) + (0 if held is None else held)
            found = compute(a, b, bias=row, old=held)
            np.testing.assert_allclose(found, total, **tolerance(dtype, k + 2))


def part_of_a_tile(dtype):
    """A number of columns that leaves some of a tile of pairs unused."""
    return 20 if dtype == "float32" else 11


# Kernels by the one layout that they are for: whether A lies by columns, whether B does; m, k, n,
# where no n is the one above.
LAYOUTS = {
    "dots": [(False, False, (9, 16, 1)), (False, True, (1, 40, 23)), (False, False, (17, 130, 2))],
    "paired": [
        *[(False, False, s) for s in [(64, 64, 25), (5, 65, 25), (9, 79, None), (8, 1100, None)]],
        *[(False, False, (m, 96, 25)) for m in range(6, 16, 3)],
    ],
    "paired_rows": [
        *[(True, False, s) for s in [(64, 16, 25), (16, 19, None), (32, 64, None), (16, 1100, 25)]],
        *[(True, False, (m, 17, 25)) for m in range(65, 80, 4)],
    ],
    "across": [
        *[(False, True, s) for s in [(16, 100, 338), (13, 8, 16), (9, 1100, 31), (16, 512, 17)]],
        *[(False, True, (m, 33, 40)) for m in range(9, 17)],
    ],
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kernel", LAYOUTS)
def test_kernels_for_a_layout(kernel, dtype):
    for turned, other, (m, k, columns) in LAYOUTS[kernel]:
        n = columns or part_of_a_tile(dtype)
        a = draw((k, m), dtype).T if turned else draw((m, k), dtype)
        b = draw((n, k), dtype, 1).T if other else draw((k, n), dtype, 1)
        bias, old = draw(n, dtype, 2), draw((m, n), dtype, 3)
        for row, held in itertools.product((None, bias), (None, old)):
            if m == 1 and row is not None:
                continue
            found = compute(a, b, bias=row, old=held, kernel=kernel)
            total = a.astype("f8") @ b + (0 if row is None else row)
            total += 0 if held is None else held
            np.testing.assert_allclose(
                found, total, **tolerance(dtype, k + 2), err_msg=f"{m} {k} {n}"
            )


def test_few_rows_by_a_transposed_matrix(monkeypatch):
    """Without packing, where tiles that a vector is high have no more rows to spare than others."""
    sizes = [(m, 40, 19) for m in (4, 8, 17, 24, 25, 31, 32, 33)]
    kernels = ["few", "block", "block", "block", "across", "across", "across", "block"]
    for (m, k, n), kernel in zip(sizes, kernels, strict=True):
        a, b = draw((m, k), "float32"), draw((n, k), "float32", 1).T
        found = compute(a, b, kernel=kernel)
        np.testing.assert_allclose(found, a.astype("f8") @ b, **tolerance("float32", k))
    stack, many = draw((3, 32, 20), "float32"), draw((3, 21, 20), "float32", 1).transpose(0, 2, 1)
    for b in (many, many[1]):
        found = compute(stack[:, ::2], b, kernel="across" if b.ndim == 3 else "block")
        np.testing.assert_allclose(found, stack[:, ::2] @ b, **tolerance("float32", 20))
    for b in (draw((40, 7), "f4").T, draw((20, 10), "f4")):
        assert compute(draw((16, b.shape[0]), "f4"), b, kernel="block") is not None
    monkeypatch.setattr(linear, "wide_vectors", lambda: False)
    compute(draw((16, 40), "f4"), draw((19, 40), "f4").T, kernel="block")


def test_columns_that_fill_no_tile_of_pairs_go_to_another_kernel(monkeypatch):
    def kernels(m, k, n, dtype, *, turned=False):
        memory, builder = Memory(), Builder()
        a = draw((k, m), dtype).T if turned else draw((m, k), dtype)
        b, out = memory.bring(draw((k, n), dtype)), memory.bring(np.zeros((m, n), dtype))
        linear.product(builder, out, memory.bring(a), b)
        made = builder.instructions
        return [(i.kernel.split(".")[1].split(":")[0], i.words[5]) for i in made]

    assert kernels(64, 784, 25, "f4") == [("paired", 25)]
    assert kernels(784, 64, 25, "f4", turned=True) == [("paired_rows", 25)]
    assert kernels(64, 784, 40, "f4") == [("paired", 25), ("block", 15)]
    assert kernels(64, 784, 32, "f4") == [("block", 32)]
    assert kernels(64, 784, 24, "f8") == [("block", 24)]
    assert kernels(64, 784, 10, "f8") == [("paired", 10)]
    for m, k, n in [(64, 784, 40), (64, 784, 66)]:
        a, b, bias = draw((m, k), "f4"), draw((k, n), "f4", 1), draw(n, "f4")
        expected = a.astype("f8") @ b + bias
        np.testing.assert_allclose(compute(a, b, bias=bias), expected, **tolerance("float32", k))
    monkeypatch.setattr(linear, "wide_vectors", lambda: False)
    assert kernels(64, 784, 40, "f4") == [("block", 40)]


@pytest.mark.parametrize(
    ("m", "n", "turned", "kernel"),
    [
        *[(16, 32, False, "block"), (3, 40, False, "few"), (1, 200, False, "row")],
        *[(16, 25, False, "paired"), (16, 25, True, "paired_rows"), (16, 1, False, "dots")],
    ],
)
def test_long_sums_lose_few_digits(m, n, turned, kernel):
    """Ten thousand terms: one chain of float32 is off by 3e-6 of the largest sum."""
    k = 10_000
    a, b = draw((k, m) if turned else (m, k), "f4"), draw((k, n), "f4", 1)
    a = a.T if turned else a
    expected = a.astype("f8") @ b
    found = compute(a, b, kernel=kernel)
    assert abs(found - expected).max() < 1e-6 * abs(expected).max()
    other = compute(a, np.asfortranarray(b))
    assert abs(other - expected).max() < 1e-6 * abs(expected).max()


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_last_rows_of_a_panel_may_be_of_two_blocks(dtype):
    assert products.DEPTH == linear.DEPTH
    for k in (linear.DEPTH + 1, linear.DEPTH + 2, 2 * linear.DEPTH):
        a, b = draw((9, k), dtype), draw((k, 7), dtype, 1)
        expected = a.astype("f8") @ b
        np.testing.assert_allclose(compute(a, b, kernel="block"), expected, **tolerance(dtype, k))


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_lies_behind_the_factors_is_not_taken(dtype):
    """Rows are read wider than they are, and what is there may be no number."""
    n = part_of_a_tile(dtype)
    for m, k, turned in [(9, 67, False), (9, 68, False), (70, 19, True)]:
        a, b = np.full((m + 1, k), np.nan, dtype)[:m], np.full((k + 2, n), np.nan, dtype)[:k]
        if turned:
            a = np.full((k + 1, m), np.nan, dtype)[:k].T
        a[...], b[...] = draw((m, k), dtype), draw((k, n), dtype, 1)
        found = compute(a, b, kernel="paired_rows" if turned else "paired")
        np.testing.assert_allclose(found, a.astype("f8") @ b, **tolerance(dtype, k))


@pytest.mark.parametrize("dtype", FLOATS)
def test_blas_takes_what_jumps_far(dtype):
    far = 8192 // np.dtype(dtype).itemsize
    m, k, n = 64, 65, far
    a, b = draw((m, k), dtype), draw((k, n), dtype, 1)
    bias, old = draw(n, dtype), draw((m, n), dtype)
    for first, row, held in itertools.product(FORMS, (None, bias), (None, old)):
        found = compute(laid_out(a, first), b, bias=row, old=held, kernel="gemm")
        total = a @ b + (0 if row is None else row) + (0 if held is None else held)
        np.testing.assert_allclose(found, total, **tolerance(dtype, k + 2))
    tall, gaps = draw((k, far), dtype).T, laid_out(draw((k, m), dtype, 1), "with gaps")
    found = compute(tall, gaps, kernel="gemm")
    np.testing.assert_allclose(found, tall @ gaps, **tolerance(dtype, k))


@pytest.mark.parametrize("dtype", FLOATS)
def test_sizes_of_zero(dtype):
    for m, k, n in [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0), (1, 0, 40), (9, 0, 1)]:
        found = compute(draw((m, k), dtype), draw((k, n), dtype))
        np.testing.assert_array_equal(found, np.zeros((m, n), dtype))
    old = draw((9, 5), dtype)
    np.testing.assert_array_equal(compute(draw((9, 0), dtype), draw((0, 5), dtype), old=old), old)


@pytest.mark.parametrize("dtype", FLOATS)
def test_stacks(dtype):
    shapes = [
        ((2, 3, 4), (4, 2)),
        ((5, 1, 9), (9, 20)),
        ((6, 3, 8), (6, 8, 3)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((3, 7, 9), (1, 9, 30)),
        ((7, 9), (4, 9, 3)),
        ((3, 1, 2), (3, 2, 1)),
        ((2, 40, 1), (2, 1, 9)),
        ((3, 9, 70), (3, 70, 25)),
        ((2, 64, 19), (2, 19, 25)),
        ((3, 9, 70), (3, 70, 2)),
        ((3, 1, 70), (3, 70, 20)),
    ]
    for first, second in shapes:
        a, b = draw(first, dtype), draw(second, dtype, 1)
        np.testing.assert_allclose(compute(a, b), a @ b, **tolerance(dtype, 10))
        turned = np.swapaxes(np.ascontiguousarray(np.swapaxes(a, -1, -2)), -1, -2)
        np.testing.assert_allclose(compute(turned, b), a @ b, **tolerance(dtype, 10))
    heads = draw((2, 7, 3, 5), dtype).transpose(0, 2, 1, 3)  # as attention takes them apart
    found = compute(heads, heads.swapaxes(-1, -2))
    np.testing.assert_allclose(found, heads @ heads.swapaxes(-1, -2), **tolerance(dtype, 10))


def test_rows_of_a_stack_become_one_matrix():
    builder, memory = Builder(), Memory()
    out = memory.bring(np.zeros((6, 8, 5), "f4"))
    a, b = memory.bring(draw((6, 8, 4), "f4")), memory.bring(draw((4, 5), "f4"))
    linear.product(builder, out, a, b)
    assert builder.instructions[0].words[3:6] == (48, 4, 5)


def test_integers_and_truth_values_exactly():
    for dtype in ("uint8", "int32", "bool"):
        rng = np.random.default_rng(0)
        a, b = (rng.integers(-100, 100, s).astype(dtype) for s in ((4, 5), (2, 5, 3)))
        if dtype == "bool":
            a, b = rng.random((4, 5)) < 0.3, rng.random((2, 5, 3)) < 0.3
        np.testing.assert_array_equal(run_op(MatMul(), a, b), a @ b)


@pytest.mark.parametrize("dtype", FLOATS)
def test_nothing_is_left_out_for_being_zero(dtype):
    for m, k, n in itertools.chain(*SIZES.values(), [(64, 64, 8192 // np.dtype(dtype).itemsize)]):
        a, b = np.zeros((m, k), dtype), draw((k, n), dtype)
        b[k // 2, n // 2], b[k - 1, 0] = np.inf, np.nan
        with np.errstate(invalid="ignore"):
            expected = np.where(np.isfinite(b).all(0), 0, np.nan) + np.zeros((m, 1))
        np.testing.assert_array_equal(compute(a, b), expected)
        np.testing.assert_array_equal(compute(b.T, a.T), expected.T)
        ones = np.ones_like(a)
        b[k - 1, 0], b[k // 2, n // 2] = 1, np.inf
        assert (compute(ones, b)[:, n // 2] == np.inf).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_an_entry_depends_on_its_row_and_column_alone(dtype):
    a, b = draw((23, 17), dtype), draw((17, 41), dtype)
    whole = compute(a, b, kernel="block")
    np.testing.assert_array_equal(compute(a, b), whole)
    np.testing.assert_array_equal(compute(a[:9], b), whole[:9])
    np.testing.assert_array_equal(compute(a[5:], b[:, :7]), whole[5:, :7])
    np.testing.assert_array_equal(compute(np.asfortranarray(a), np.asfortranarray(b)), whole)
    for n, kernel in [(25, "paired"), (1, "dots"), (2, "dots")]:
        a, b = draw((23, 137), dtype), draw((137, n), dtype)
        whole = compute(a, b, kernel=kernel)
        np.testing.assert_array_equal(compute(a[:9], b, kernel=kernel), whole[:9])
        np.testing.assert_array_equal(compute(a[5:], b, kernel=kernel), whole[5:])
    a, b = draw((20, 67), dtype).T, draw((20, 25), dtype)
    whole = compute(a, b, kernel="paired_rows")
    np.testing.assert_array_equal(compute(a[16:48], b, kernel="paired_rows"), whole[16:48])
    np.testing.assert_array_equal(compute(a[:7], b, kernel="block"), whole[:7])


def test_what_lies_beside_a_matrix_stays():
    memory = Memory()
    for m, k, n in [(23, 9, 25), (1, 9, 25), (3, 9, 25), (4, 2, 3)]:
        builder = Builder()
        frame = memory.bring(np.full((m + 2, n + 2), 7, "f4"))
        inner = frame.viewed((m, n), frame.strides, frame.strides[0] + 4)
        linear.product(builder, inner, *(memory.bring(draw(s, "f4")) for s in ((m, k), (k, n))))
        memory.run(builder)
        found = memory.array(frame)
        found[1:-1, 1:-1] = 7
        assert (found == 7).all()


EINSUMS = [
    *("ij,jk->ik", "bij,bkj->bik", "ij,jk,k->i", "ijk->ki", "ij,k->", "bthd,bshd->bhts"),
    *("bhts,bshd->bthd", "ij,jk->ki", "ij,ij->", "bi,bi->b", "ij,k->ijk", "ij,k->kij"),
    *("ijkl,klm->ijm", "ijkl,lkm->mij", "ab,bc,cd,de->ae", "aij,ajb->abi", "i,i->", "i,j->ji"),
    *("abc,cbd->dab", "ij,jik->k", "ijk,ljm->limk"),
]


@pytest.mark.parametrize("dtype", [*FLOATS, "int64"])
def test_einsum(dtype):
    sizes = dict(zip("abcdehijklmst", [3, 4, 5, 6, 2, 4, 5, 4, 3, 6, 4, 4, 6], strict=True))
    for spec in EINSUMS:
        terms, result = spec.split("->")
        op = Einsum(tuple(terms.split(",")), result)
        arrays = [
            (5 * draw([sizes[c] for c in term], "f8", i)).astype(dtype)
            for i, term in enumerate(op.terms)
        ]
        found, expected = run_op(op, *arrays), np.einsum(spec, *arrays)
        if dtype == "int64":
            if found is not None:
                np.testing.assert_array_equal(found, expected)
            continue
        assert found is not None, spec
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=tolerance(dtype, 1e4)["atol"])


def test_einsum_refuses_what_is_no_product():
    square = np.ones((3, 3))
    assert run_op(Einsum(("ij", "ij"), "ij"), square, square) is None
    assert run_op(Einsum(("ii",), "i"), square) is None
    assert run_op(Einsum(("ij", "jk"), "ik"), square > 0, square > 0) is None


def test_slices_of_the_batch():
    def of(op, out, shapes, *axes):
        return SLICES[type(op)](op, out, shapes, axes)

    product = MatMul()
    assert of(product, (8, 3), ((8, 4), (4, 3)), 0, None) == 0
    assert of(product, (3, 8), ((3, 4), (4, 8)), None, 1) == 1
    assert of(product, (4, 3), ((4, 8), (8, 3)), 1, 0) == SUM
    assert of(product, (8, 5, 3), ((8, 5, 4), (4, 3)), 0, None) == 0
    assert of(product, (8, 5, 3), ((8, 5, 4), (8, 4, 3)), 0, 0) == 0
    assert of(product, (2, 8, 5, 3), ((2, 8, 5, 4), (8, 4, 3)), 1, 0) == 1
    assert of(product, (8, 5, 3), ((8, 5, 4), (8, 4, 3)), 0, None) is None
    assert of(product, (8, 8), ((8, 4), (4, 8)), 0, 1) is None
    assert of(product, (8, 3), ((8, 4), (4, 3)), 1, None) is None
    assert of(product, (8, 2, 3), ((8, 2, 4), (8, 4, 3)), 0, 1) is None
    sums = Einsum(("bij", "bjk"), "bik")
    assert of(sums, (8, 2, 3), ((8, 2, 4), (8, 4, 3)), 0, 0) == 0
    assert of(sums, (8, 2, 3), ((8, 2, 4), (8, 4, 3)), 0, None) is None
    assert of(Einsum(("bi", "bj"), "ij"), (2, 3), ((8, 2), (8, 3)), 0, 0) == SUM
    assert of(Einsum(("bi", "ij"), "jb"), (3, 8), ((8, 2), (2, 3)), 0, None) == 1


def test_slices_make_the_whole():
    a, b = draw((10, 12), "float64"), draw((12, 7), "float64")
    parts = [slice(0, 4), slice(4, 9), slice(9, None)]
    expected = a @ b
    by_rows = np.concatenate([run_op(MatMul(), a[s], b) for s in parts])
    by_sum = sum(run_op(MatMul(), a[:, s], b[s]) for s in parts)
    np.testing.assert_allclose(by_rows, expected, rtol=1e-12)
    np.testing.assert_allclose(by_sum, expected, rtol=1e-12, atol=1e-12)


def test_blas_on_one_thread_while_anybody_is_within():
    blas.address_of("sgemm")
    switch = blas.threads()
    if switch is None:
        pytest.skip("this BLAS can't be told its threads")
    before = switch.get()
    switch.set(2)
    try:
        inside, leave = threading.Barrier(5), threading.Event()

        def user():
            with blas.single_threaded(), blas.single_threaded():
                inside.wait()
                leave.wait()

        users = [threading.Thread(target=user) for _ in range(4)]
        for thread in users:
            thread.start()
        inside.wait()
        assert switch.get() == 1
        with pytest.raises(KeyError), blas.single_threaded():
            raise KeyError
        assert switch.get() == 1
        leave.set()
        for thread in users:
            thread.join()
        assert switch.get() == 2
    finally:
        switch.set(before)


def test_products_in_two_threads_at_once():
    """BLAS pinned to one thread may be called from several."""
    work = [(draw((64, 80), "f4", i), draw((80, 2048), "f4", i + 9)) for i in range(2)]
    found = [[], []]

    def compute_some(i):
        found[i] = [compute(*work[i], kernel="gemm") for _ in range(20)]

    with blas.single_threaded():
        threads = [threading.Thread(target=compute_some, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for (a, b), values in zip(work, found, strict=True):
        assert len(values) == 20
        assert all((value == values[0]).all() for value in values)
        np.testing.assert_allclose(values[0], a @ b, **tolerance("float32", 80))
