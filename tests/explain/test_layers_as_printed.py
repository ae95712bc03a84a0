"""How layers of images, sequences and chance read in a derivation: as a textbook writes them."""

import numpy as np
import pytest

import glassnet as gn
from glassnet.explain.equations import EquationWriter
from glassnet.explain.latex import LatexPrinter, name_latex
from glassnet.explain.naming import name_nodes
from glassnet.explain.recorded import record_step
from glassnet.formulas import Quantity
from glassnet.formulas.terms import Name
from glassnet.models.data import Batch

L = gn.layers


def printed(model, x):
    """Return the right sides of the equations by what stands on the left."""
    model.compile("sgd", "mse")
    y = np.zeros(np.shape(model(x)), "float32")
    step = record_step(model, Batch(x, y, None))
    equations = EquationWriter(step, name_nodes(step)).equations()
    return {name_latex(e.name): LatexPrinter().print(e.term) for e in equations if e.target is None}


def of_layers(shape, *layers, dtype="float32"):
    model = gn.Sequential([gn.Input(shape, dtype=dtype), *layers])
    return printed(model, np.zeros((4, *shape), dtype))


def test_convolution_is_correlation_and_its_way_back_full_convolution():
    found = of_layers((8, 8, 2), L.Conv2D(3, 3), L.Conv2D(2, 2, strides=2))
    assert found["Z^{[1]}"] == r"\operatorname{corr}(X, W^{[1]}) + b^{[1]}"
    assert found["Z^{[2]}"] == (
        r"\operatorname{corr}_{\mathrm{stride}=2}(Z^{[1]}, W^{[2]}) + b^{[2]}"
    )
    assert found[r"\mathrm{d}W^{[2]}"] == (
        r"\operatorname{kernelcorr}_{\mathrm{stride}=2}(Z^{[1]}, \mathrm{d}Z^{[2]})"
    )
    assert found[r"\mathrm{d}Z^{[1]}"] == (
        r"\operatorname{fullconv}_{\mathrm{stride}=2}(\mathrm{d}Z^{[2]}, W^{[2]})"
    )
    assert found[r"\mathrm{d}b^{[1]}"] == r"\sum_{i,p,q} \mathrm{d}Z_{ipq:}^{[1]}"


def test_cells_that_no_window_reaches_are_told_by_the_size():
    found = of_layers((6, 2), L.Dense(2), L.Conv1D(2, 3, strides=2))
    assert found[r"\mathrm{d}Z^{[1]}"] == (
        r"\operatorname{fullconv}_{\mathrm{stride}=2,\mathrm{size}=6}"
        r"(\mathrm{d}Z^{[2]}, W^{[2]})"
    )


def test_same_padding_is_told_once_for_all_sides_where_it_is_one_number():
    found = of_layers((8, 8, 2), L.Conv2D(3, 3, padding="same"), L.Conv2D(2, 2, padding="same"))
    assert found["Z^{[1]}"] == (r"\operatorname{corr}_{\mathrm{padding}=1}(X, W^{[1]}) + b^{[1]}")
    assert r"_{\mathrm{padding}=((0,1),(0,1))}" in found["Z^{[2]}"]


def test_a_kernel_of_one_cell_is_a_matrix():
    found = of_layers((6, 6, 2), L.Conv2D(3, 1))
    assert found["Z^{[1]}"] == "X W^{[1]} + b^{[1]}"
    assert found[r"\mathrm{d}W^{[1]}"] == (
        r"\left(\operatorname{stack}(X)\right)^{\top} \operatorname{stack}(\mathrm{d}Z^{[1]})"
    )


def test_depthwise_convolution_shows_the_kernel_as_it_is():
    found = of_layers((6, 6, 2), L.Dense(2), L.DepthwiseConv2D(3, depth_multiplier=2))
    assert found["Z^{[2]}"] == r"\operatorname{depthwisecorr}(Z^{[1]}, W^{[2]}) + b^{[2]}"
    assert found[r"\mathrm{d}W^{[2]}"] == (
        r"\operatorname{depthwisekernelcorr}(Z^{[1]}, \mathrm{d}Z^{[2]})"
    )
    assert found[r"\mathrm{d}Z^{[1]}"] == (
        r"\operatorname{depthwisefullconv}(\mathrm{d}Z^{[2]}, W^{[2]})"
    )


def test_pooling_and_flattening():
    found = of_layers((6, 6, 1), L.Conv2D(2, 3), L.MaxPooling2D(), L.Flatten(), L.Dense(1))
    assert found["P^{[1]}"] == r"\operatorname{maxpool}_{\mathrm{pool}=2}(Z^{[1]})"
    assert found["F^{[1]}"] == r"\operatorname{flatten}(P^{[1]})"
    assert found[r"\mathrm{d}P^{[1]}"] == (
        r"\operatorname{reshape}_{m \times 2 \times 2 \times 2}(\mathrm{d}F^{[1]})"
    )
    assert found[r"\mathrm{d}Z^{[1]}"] == (
        r"\operatorname{maxunpool}_{\mathrm{pool}=2}(\mathrm{d}P^{[1]}, Z^{[1]}, P^{[1]})"
    )


def test_average_pooling_divides_among_the_cells():
    found = of_layers((7, 7, 1), L.Conv2D(2, 3), L.AveragePooling2D(2))
    assert found["P^{[1]}"] == r"\operatorname{averagepool}_{\mathrm{pool}=2}(Z^{[1]})"
    assert found[r"\mathrm{d}Z^{[1]}"] == (
        r"\operatorname{averageunpool}_{\mathrm{pool}=2,\mathrm{size}=5}(\mathrm{d}P^{[1]})"
    )


def test_a_mean_over_all_places_is_one_equation():
    found = of_layers((5, 2), L.Dense(3), L.GlobalAveragePooling1D())
    assert found["P^{[1]}"] == r"\frac{1}{5} \sum_{t} Z_{:t:}^{[1]}"


def test_repeated_entries_come_back_as_sums_of_blocks():
    found = of_layers((3, 3, 2), L.Dense(2), L.UpSampling2D(2))
    larger = next(right for right in found.values() if "repeat" in right)
    assert larger == r"\operatorname{repeat}_{\mathrm{axis}=(1,2),\mathrm{times}=2}(Z^{[1]})"
    assert found[r"\mathrm{d}Z^{[1]}"].startswith(
        r"\operatorname{blocksum}_{\mathrm{axis}=(1,2),\mathrm{size}=2}("
    )


def test_an_embedding_is_rows_of_a_table():
    found = of_layers((5,), L.Embedding(7, 3), dtype="int32")
    assert found["A^{[1]}"] == r"\operatorname{rows}(E^{[1]}, X)"
    assert found[r"\mathrm{d}E^{[1]}"] == (
        r"\operatorname{scatter}_{7 \times 3}(\mathrm{d}A^{[1]}, X)"
    )


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (L.Dropout(0.5), r"2 \operatorname{Bernoulli}_{p=0.5}"),
        (L.Dropout(0.3), r"\frac{1}{0.7} \operatorname{Bernoulli}_{p=0.7}"),
        (L.Dropout(0.9), r"10 \operatorname{Bernoulli}_{p=0.1}"),
        (L.GaussianNoise(0.1), r"\operatorname{Normal}_{\mathrm{std}=0.1}"),
        (L.GaussianDropout(0.2), r"\operatorname{Normal}_{\mathrm{mean}=1,\mathrm{std}=0.5}"),
    ],
)
def test_chance_is_told_by_its_distribution(layer, expected):
    assert of_layers((3,), L.Dense(4), layer, L.Dense(1))["D^{[1]}"] == expected


def two(build, shape=(3,)):
    a = gn.Input(shape)
    output = build(L.Dense(4)(a), L.Dense(4)(a))
    return printed(gn.Model(a, output), np.zeros((4, *shape), "float32"))


def test_what_was_joined_is_cut_apart():
    found = two(lambda a, b: L.Concatenate()([a, b]))
    assert found["C^{[2]}"] == r"\operatorname{concat}(Z^{[1]}, Z^{[2]})"
    assert found[r"\mathrm{d}Z^{[2]}"] == (
        r"\operatorname{slice}_{\mathrm{start}=4,\mathrm{stop}=8}(\mathrm{d}C^{[2]})"
    )


def test_products_of_rows_are_sums_of_products():
    found = two(lambda a, b: L.Dot(axes=1)([a, b]))
    left = next(name for name, right in found.items() if right.startswith(r"\sum_{j}"))
    assert found[left] == r"\sum_{j} \left(Z^{[1]} \odot Z^{[2]}\right)_{:j}"
    assert found[r"\mathrm{d}Z^{[2]}"] == rf"Z^{{[1]}} \odot \mathrm{{d}}{left}"


def test_products_of_matrices_have_no_transpose_of_a_product():
    found = two(lambda a, b: L.Dot(axes=(2, 2))([a, b]), (3, 2))
    assert any(right == r"Z^{[1]} Z^{[2]\top}" for right in found.values())
    assert found[r"\mathrm{d}Z^{[2]}"].endswith(r"^{[2]\top} Z^{[1]}")


class Squares(L.NumpyLayer):
    """A brick of one's own."""

    def forward(self, X):
        self.X = X
        return X**2

    def backward(self, dY):
        return 2 * self.X * dY


def test_a_brick_of_ones_own_is_called_by_its_name():
    found = of_layers((3,), L.Dense(4), Squares(), L.Dense(1))
    assert r"\operatorname{Squares}(Z^{[1]})" in found.values()
    assert found[r"\mathrm{d}Z^{[1]}"].startswith(r"\operatorname{Squaresbackward}(")


# --- sums of products -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spec", "shapes", "expected"),
    [
        ("ij,jk->ik", ((2, 3), (3, 4)), "A B"),
        ("ij,kj->ik", ((2, 3), (4, 3)), r"A B^{\top}"),
        ("ji,jk->ik", ((3, 2), (3, 4)), r"A^{\top} B"),
        ("bij,bjk->bik", ((5, 2, 3), (5, 3, 4)), "A B"),
        ("ij,ij->ij", ((2, 3), (2, 3)), r"A \odot B"),
        ("ij,ij->i", ((2, 3), (2, 3)), r"\sum_{j} \left(A \odot B\right)_{:j}"),
        (
            "abc,cd->abd",
            ((2, 3, 4), (4, 5)),
            r"\operatorname{einsum}_{\text{abc,cd} \to \text{abd}}(A, B)",
        ),
    ],
)
def test_einsum_is_a_product_where_there_is_one(spec, shapes, expected):
    node = gn.ops.einsum(spec, *(gn.graph.Placeholder(s, np.dtype("float64")) for s in shapes))
    terms = [Quantity(Name(letter), s) for letter, s in zip("AB", shapes, strict=True)]
    assert LatexPrinter().print(node.op.formula(node, *terms)) == expected
