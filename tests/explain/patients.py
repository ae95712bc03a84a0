"""Small networks written by hand in NumPy, each with mistakes to order, beside their twins.

Every function returns (model, X, Y, gradients): the compiled twin, the batch, and what a person
has who made the mistake ``bug``. All formulas are written out here; nothing comes from the library
but the initial weights and the mask of dropout.
"""

import numpy as np

import glassnet as gn

L = gn.layers
RATE = 0.05


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


SLOPES = {
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z)),
    "relu": lambda z: (z > 0).astype(float),
}
FUNCTIONS = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda z: np.maximum(z, 0)}


def compiled(layers, shape, loss, seed=0, dtype=None):
    """A compiled network with drawn weights, biases too; and the weights as float64."""
    model = gn.Sequential([gn.Input(shape, dtype=dtype), *layers])
    return model, drawn(model, loss, seed)


def drawn(model, loss, seed=0):
    model.compile(gn.optimizers.SGD(RATE), loss)
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        base = 1.0 if weight.name == "gamma" else 0.0
        weight.assign((base + 0.6 * rng.normal(size=weight.shape)).astype(np.float32))
    return [w.numpy().astype(float) for w in model.trainable_weights]


def batch(*shapes, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def scaled(gradients, factor, *names):
    return {n: g * factor if n in (names or gradients) else g for n, g in gradients.items()}


# --- two dense layers -------------------------------------------------------------------------
def dense(bug="", act="tanh", m=6, n=3, reduction="sum_over_batch_size", units=4):
    """A1 = g(X W1 + b1), Z2 = A1 W2 + b2, squared error."""
    loss = gn.losses.MeanSquaredError(reduction=reduction)
    model, (W1, b1, W2, b2) = compiled([L.Dense(units, act), L.Dense(n)], (2,), loss)
    X, Y = batch((m, 2), (m, n))
    Z1 = X @ W1 + b1
    A1 = FUNCTIONS[act](Z1)
    dZ2 = 2 * (A1 @ W2 + b2 - Y) / (n if reduction == "sum" else m * n)
    dA1 = dZ2 @ W2.T
    slope = SLOPES[act](Z1)
    dZ1 = {
        "activation's derivative dropped": dA1,
        "activation's derivative twice": dA1 * slope**2,
        "g′(A) for g′(Z)": dA1 * SLOPES[act](A1),
        "g′ written for A, given Z": dA1 * (1 - Z1**2),
        "activation in place of its derivative": dA1 * A1,
        "multiplied by Z": dA1 * Z1,
        "derivative of another activation": dA1 * SLOPES["sigmoid"](Z1),
        "sign inside the derivative": dA1 * (1 + A1**2),
        "square forgotten": dA1 * (1 - A1),
        "activation applied to dA": FUNCTIONS[act](dA1),
    }.get(bug, dA1 * slope)
    right = {"dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": A1.T @ dZ2, "db2": dZ2.sum(0)}
    factors = {
        "1/m missing": m, "1/m twice": 1 / m, "sum for mean": m, "mean for sum": 1 / m,
        "m − 1 for m": m / (m - 1), "sum over outputs for their mean": n, "wrong sign": -1,
        "factor 2 missing": 1 / 2, "factor 2 too many": 2, "update in place of gradient": -RATE,
        "learning rate in the gradient": RATE,
    }  # fmt: skip
    found = scaled(right, factors.get(bug, 1))
    wrong = {
        "gradient left at 0": {"dW1": np.zeros((2, units))},
        "wrong factor": {"dW1": 0.7318 * right["dW1"]},
        "transposed result": {"dW2": dZ2.T @ A1},
        "dA in place of dZ": {"dW1": X.T @ dA1},
        "bias gradient not summed": {"db1": dZ1},
        "bias gradient summed over the wrong axis": {"db1": dZ1.sum(1)},
        "overwritten instead of summed": {"dW1": np.outer(X[-1], dZ1[-1])},
        "input taken before its activation": {"dW2": Z1.T @ dZ2},
        "computed in the wrong dtype": {"dW1": (right["dW1"]).astype(np.float16)},
    }
    return model, X, Y, {**found, **wrong.get(bug, {})}


def between(bug=""):
    """The same with dZ and dA."""
    model, X, Y, found = dense(bug)
    W1, b1, W2, b2 = (w.numpy().astype(float) for w in model.trainable_weights)
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = 2 * (A1 @ W2 + b2 - Y) / Y.size
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 if bug == "activation's derivative dropped" else dA1 * (1 - A1**2)
    return model, X, Y, {**found, "dZ2": dZ2, "dA1": dA1, "dZ1": dZ1}


def square(bug=""):
    """Three layers of width 3, so that every wrong product fits."""
    model, (W1, b1, W2, b2, W3, b3) = compiled(
        [L.Dense(3, "tanh"), L.Dense(3, "tanh"), L.Dense(3)], (3,), "mse"
    )
    X, Y = batch((6, 3), (6, 3))
    A1 = np.tanh(X @ W1 + b1)
    A2 = np.tanh(A1 @ W2 + b2)
    dZ3 = 2 * (A2 @ W3 + b3 - Y) / 18
    dW3 = A2.T @ dZ3
    if bug == "gradient taken after the update":
        W3 = W3 - RATE * dW3
    dA2 = dZ3 @ W3.T
    if bug == "transpose forgotten":
        dA2 = dZ3 @ W3
    if bug == "weights left out of the chain":
        dA2 = dZ3
    dZ2 = dA2 * (1 - A2**2)
    dW2 = {
        "dZ of another layer": A1.T @ dZ3,
        "X in every layer": X.T @ dZ2, "output taken for the input": A2.T @ dZ2,
    }.get(bug, A1.T @ dZ2)  # fmt: skip
    back = W3 if bug == "weights of another layer in the chain" else W2
    dZ1 = dZ2 @ back.T * (1 - A1**2)
    dW1, db1, db2, db3 = X.T @ dZ1, dZ1.sum(0), dZ2.sum(0), dZ3.sum(0)
    if bug == "gradients of two weights swapped":
        dW1, dW2 = dW2, dW1
    if bug == "gradient of another weight":
        dW2 = dW3
    names = ("dW1", "db1", "dW2", "db2", "dW3", "db3")
    return model, X, Y, dict(zip(names, (dW1, db1, dW2, db2, dW3, db3), strict=True))


def deep(bug=""):
    """Four layers of width 2: the reverse order is more than one swap."""
    model, drawn_weights = compiled([L.Dense(2, "tanh") for _ in range(4)], (2,), "mse")
    weights, biases = drawn_weights[::2], drawn_weights[1::2]
    X, Y = batch((6, 2), (6, 2))
    A = [X]
    for W, b in zip(weights, biases, strict=True):
        A.append(np.tanh(A[-1] @ W + b))
    dA = 2 * (A[-1] - Y) / 12
    dW, db = [], []
    for W, before, after in zip(weights[::-1], A[-2::-1], A[:0:-1], strict=True):
        dZ = dA * (1 - after**2)
        dW.append(before.T @ dZ)
        db.append(dZ.sum(0))
        dA = dZ @ W.T
    if bug != "gradients in reverse order":
        dW, db = dW[::-1], db[::-1]
    found = {f"dW{i}": g for i, g in enumerate(dW, 1)}
    return model, X, Y, {**found, **{f"db{i}": g for i, g in enumerate(db, 1)}}


# --- losses -----------------------------------------------------------------------------------
def classes(bug="", how="softmax"):
    """Three classes: softmax in the last layer or in the loss, one-hot rows or numbers."""
    labels = np.array([0, 2, 1, 1, 0, 2])
    K = gn.losses
    loss, act, Y = {
        "softmax": ("categorical_crossentropy", "softmax", np.eye(3)[labels]),
        "logits": (K.CategoricalCrossentropy(from_logits=True), None, np.eye(3)[labels]),
        "sparse": ("sparse_categorical_crossentropy", "softmax", labels),
        "column": ("sparse_categorical_crossentropy", "softmax", labels[:, None]),
        "sparse logits": (K.SparseCategoricalCrossentropy(from_logits=True), None, labels),
        "smoothed": (K.CategoricalCrossentropy(label_smoothing=0.1), "softmax", np.eye(3)[labels]),
    }[how]
    model, (W1, b1, W2, b2) = compiled([L.Dense(4, "relu"), L.Dense(3, act)], (2,), loss)
    (X,) = batch((6, 2))
    Z1 = X @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Z = A1 @ W2 + b2
    P, T = softmax(Z), np.eye(3)[labels]
    if how == "smoothed" and bug != "label smoothing forgotten":
        T = 0.9 * T + 0.1 / 3
    dZ2 = {
        "softmax applied twice": softmax(P) - T,
        "last activation left out": Z - T,
        "activation's derivative twice": (P - T) * P * (1 - P),
        "activation's derivative dropped": -T / P,
        "softmax's Jacobian taken for its diagonal": -T / P * P * (1 - P),
        "only the true class": (P - T) * (T > 0),
        "class numbers in place of one-hot rows": P - labels[:, None],
        "mean over outputs for their sum": (P - T) / 3,
        "1/m missing": (P - T) * 6,
        "classes shifted by one": P - np.eye(3)[labels][:, [2, 0, 1]],
    }.get(bug, P - T) / 6
    dZ1 = dZ2 @ W2.T * (Z1 > 0)
    found = {"dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": A1.T @ dZ2, "db2": dZ2.sum(0)}
    return model, X, Y, found


def one_output(bug="", loss="mse", act=None):
    """One output for each example; targets (m,)."""
    model, (W, b) = compiled([L.Dense(1, act)], (2,), loss)
    (X,) = batch((7, 2))
    y = np.array([0.0, 1, 1, 0, 1, 0, 0])
    Z = X @ W + b
    A = sigmoid(Z) if act else Z
    Y = y[:, None]
    slope = A * (1 - A) if act else 1.0
    right = 2 * (A - Y) * slope / 7 if loss == "mse" else (A - Y) / 7
    dZ = {
        "(m,) broadcast to (m, m)": 2 * (A - y).mean(axis=1, keepdims=True) * slope / 7,
        "cross-entropy's simplification with the wrong activation": (A - Y) / 7,
        "sigmoid applied twice": (sigmoid(A) - Y) / 7,
        "half of the binary cross-entropy": -Y / A * slope / 7,
    }.get(bug, right)
    return model, X, y, {"dW1": X.T @ dZ, "db1": dZ.sum(0)}


# --- images -----------------------------------------------------------------------------------
def conv(bug="", stride=1, padding="valid"):
    """A convolution 3 × 3 of 2 channels by 2 filters, tanh, a dense layer."""
    model, (K, b1, W2, b2) = compiled(
        [L.Conv2D(2, 3, strides=stride, padding=padding, activation="tanh"), L.Flatten(),
         L.Dense(2)], (6, 6, 2), "mse",
    )  # fmt: skip
    X, Y = batch((4, 6, 6, 2), (4, 2))
    # "same": ceil(6 / 2) = 3 places, (3 − 1)·2 + 3 − 6 = 1 cell of padding, all of it behind;
    # with stride 1, 2 cells: one on either side.
    lo, hi = {("valid", 1): (0, 0), ("valid", 2): (0, 0), ("same", 1): (1, 1),
              ("same", 2): (0, 1)}[padding, stride]  # fmt: skip
    P = np.pad(X, ((0, 0), (lo, hi), (lo, hi), (0, 0)))
    size = (P.shape[1] - 3) // stride + 1
    places = list(np.ndindex(size, size))

    def window(i, j, s=stride):
        return (slice(None), slice(i * s, i * s + 3), slice(j * s, j * s + 3))

    Z = np.zeros((4, size, size, 2))
    for i, j in places:
        Z[:, i, j] = np.einsum("mxyc,xycf->mf", P[window(i, j)], K) + b1
    A = np.tanh(Z)
    F = A.reshape(4, -1)
    dZ2 = 2 * (F @ W2 + b2 - Y) / 8
    dZ = (dZ2 @ W2.T).reshape(A.shape) * (1 - A**2)
    s = 1 if bug == "stride ignored in the backward pass" else stride
    V = K[::-1, ::-1] if bug in ("kernel not flipped", "correlation for convolution") else K
    dK, dP = np.zeros_like(K), np.zeros_like(P)
    for i, j in places:
        at, g = window(i, j, s), dZ[:, i, j]
        dK += np.einsum("mxyc,mf->xycf", P[at], g)
        part = np.einsum("mf,xycf->mxyc", g, V)
        dP[at] = part if bug == "overlapping windows overwritten" else dP[at] + part
    if bug == "padding off by one":
        dP = np.roll(dP, -1, axis=(1, 2))
        dP[:, -1] = dP[:, :, -1] = 0
    dK = {
        "kernel gradient flipped": dK[::-1, ::-1],
        "correlation for convolution": dK[::-1, ::-1],
        "input and output channels swapped": np.swapaxes(dK, 2, 3),
        "kernel's axes in another order": np.swapaxes(dK, 0, 1),
    }.get(bug, dK)
    db1 = {
        "bias gradient summed over the wrong axis": dZ.sum(axis=0),
        "mean over positions for their sum": dZ.mean(axis=(1, 2)).sum(axis=0),
    }.get(bug, dZ.sum(axis=(0, 1, 2)))
    dX = dP[:, lo : lo + 6, lo : lo + 6]
    found = {"dW1": dK, "db1": db1, "dW2": F.T @ dZ2, "db2": dZ2.sum(0), "dX": dX}
    return model, X, Y, found


def pool(bug="", kind="max", strides=2):
    """Pooling 2 × 2 of images of small whole numbers, with many ties; a dense layer."""
    layer = {
        "max": lambda: L.MaxPooling2D(2, strides=strides),
        "average": lambda: L.AveragePooling2D(2, strides=strides),
        "global": L.GlobalAveragePooling2D,
    }[kind]()
    model, (W, b) = compiled([layer, L.Flatten(), L.Dense(2)], (4, 4, 1), "mse")
    X = np.random.default_rng(3).integers(0, 3, (5, 4, 4, 1)).astype(float)
    (Y,) = batch((5, 2))
    size, step = (4, 1) if kind == "global" else (2, strides)
    n = (4 - size) // step + 1
    places = [(e, i, j) for e in range(5) for i in range(n) for j in range(n)]
    value = np.max if kind == "max" else np.mean
    A = np.zeros((5, n, n))

    def window(i, j):
        return slice(i * step, i * step + size), slice(j * step, j * step + size)

    for e, i, j in places:
        A[e, i, j] = value(X[e][window(i, j)])
    F = A.reshape(5, -1)
    dZ = 2 * (F @ W + b - Y) / 10
    dA = (dZ @ W.T).reshape(A.shape)
    dX = np.zeros_like(X)
    for e, i, j in places:
        cells = X[e][window(i, j)][..., 0]
        one = np.zeros(cells.size)
        one[cells.argmax()] = 1
        last = np.zeros(cells.size)
        last[cells.size - 1 - cells.ravel()[::-1].argmax()] = 1
        top = (cells == cells.max()).astype(float)
        corner = np.zeros(cells.size)
        corner[0] = 1
        share = {
            "pooling sends the gradient to every tie": top,
            "max pooling's gradient spread over the window": np.full(cells.size, 1 / cells.size),
            "pooling sends the gradient to the first cell": corner,
            "average pooling's gradient not divided": np.ones(cells.size),
            "average pooling's gradient sent to the largest": top,
            "the last of equal entries": last,
            "equal shares": top / top.sum(),
        }.get(bug, one if kind == "max" else np.full(cells.size, 1 / cells.size))
        part = share.reshape(cells.shape)[..., None] * dA[e, i, j]
        at = (e, *window(i, j))
        if bug == "overlapping windows overwritten":
            dX[at] = np.where(part != 0, part, dX[at])
        else:
            dX[at] += part
    return model, X, Y, {"dW1": F.T @ dZ, "db1": dZ.sum(0), "dX": dX}


# --- normalisation, dropout, embedding, penalties -----------------------------------------------
def norm(bug="", axis=0, layer=L.BatchNormalization):
    """Dense, normalised over the batch (axis 0) or over the features (axis 1), dense."""
    normal = layer()
    model, (W1, b1, gamma, beta, W3, b3) = compiled([L.Dense(4), normal, L.Dense(2)], (3,), "mse")
    X, Y = batch((6, 3), (6, 2))
    Z = X @ W1 + b1

    def mean(a):
        return a.mean(axis=axis, keepdims=True)

    epsilon = 1e-5 if bug == "another ε" else 1e-3
    sigma = np.sqrt(mean((Z - mean(Z)) ** 2) + epsilon)
    hat = (Z - mean(Z)) / sigma
    N = gamma * hat + beta
    dZ3 = 2 * (N @ W3 + b3 - Y) / 12
    dN = dZ3 @ W3.T
    dhat = dN if bug == "γ left out of the chain" else dN * gamma
    dZ1 = (dhat - mean(dhat) - hat * mean(dhat * hat)) / sigma
    other = dhat - dhat.mean(1 - axis, keepdims=True)
    other = (other - hat * (dhat * hat).mean(1 - axis, keepdims=True)) / sigma
    dZ1 = {
        "batch statistics treated as constants": dhat / sigma,
        "variance in place of the standard deviation": dZ1 / sigma,
        "division forgotten in the backward pass": dZ1 * sigma,
        "statistics over the wrong axis": other,
    }.get(bug, dZ1)
    dgamma = (dN * hat).sum(0)
    if bug == "γ's gradient without the normalised input":
        dgamma = (dN * Z).sum(0)
    found = {
        "dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dgamma2": dgamma, "dbeta2": dN.sum(0),
        "dW3": N.T @ dZ3, "db3": dZ3.sum(0),
    }  # fmt: skip
    return model, X, Y, found


def dropout(bug=""):
    """Dense, tanh, dropout of 0.4, dense."""
    model, (W1, b1, W2, b2) = compiled(
        [L.Dense(6, "tanh"), L.Dropout(0.4), L.Dense(2)], (3,), "mse"
    )
    X, Y = batch((6, 3), (6, 2))
    values = model.derive(X, Y).values
    D = np.asarray(next(v for n, v in values.items() if n[0] == "D" and n[1:].isdigit()), float)
    D = np.where(D > 0, 1 / 0.6, 0.0)
    A1 = np.tanh(X @ W1 + b1)
    F = A1 * ((D > 0) if bug == "dropout not scaled" else D)
    dZ2 = 2 * (F @ W2 + b2 - Y) / 12
    mask = {
        "dropout mask missing in the backward pass": np.ones_like(D),
        "dropout scaled twice": D / 0.6,
        "dropout not scaled in the backward pass": (D > 0) * 1.0,
        "dropout mask turned around": (D == 0) / 0.6,
        "dropout not scaled": (D > 0) * 1.0,
    }.get(bug, D)
    dZ1 = dZ2 @ W2.T * mask * (1 - A1**2)
    found = {"dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": F.T @ dZ2, "db2": dZ2.sum(0)}
    return model, X, Y, found


def embedding(bug=""):
    """Three words of a vocabulary of four, two numbers each, a dense layer."""
    model, (E, W, b) = compiled([L.Embedding(4, 2), L.Flatten(), L.Dense(2)], (3,), "mse",
                                dtype="int64")  # fmt: skip
    X = np.array([[0, 1, 1], [2, 0, 0], [3, 3, 3], [1, 2, 0]])
    (Y,) = batch((4, 2))
    F = E[X].reshape(4, -1)
    dZ = 2 * (F @ W + b - Y) / 8
    dA = (dZ @ W.T).reshape(4, 3, 2)
    dE = np.zeros_like(E)
    for i, j in np.ndindex(4, 3):
        if bug == "repeated rows overwritten":
            dE[X[i, j]] = dA[i, j]
        else:
            dE[X[i, j]] += dA[i, j]
    return model, X, Y, {"dE1": dE, "dW2": F.T @ dZ, "db2": dZ.sum(0)}


def penalty(bug="", kind="l2"):
    """Two dense layers, λ Σ W² or λ Σ |W| of the first kernel, λ = 0.1."""
    rule = gn.regularizers.L2(0.1) if kind == "l2" else gn.regularizers.L1(0.1)
    model, (W1, b1, W2, b2) = compiled(
        [L.Dense(4, "tanh", kernel_regularizer=rule), L.Dense(4)], (4,), "mse"
    )
    X, Y = batch((6, 4), (6, 4))
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = 2 * (A1 @ W2 + b2 - Y) / 24 * (6 if bug == "1/m missing" else 1)
    dZ1 = dZ2 @ W2.T * (1 - A1**2)
    of_l2, of_l1 = 0.2 * W1, 0.1 * np.sign(W1)
    own = of_l2 if kind == "l2" else of_l1
    added = {
        "regularisation forgotten": 0 * own,
        "regularisation without its factor": own / 2,
        "regularisation counted twice": own * 2,
        "regularisation with the wrong sign": -own,
        "regularisation divided by m": own / 6,
        "derivative of another penalty": of_l1 if kind == "l2" else of_l2,
    }.get(bug, own)
    db1, dW2 = dZ1.sum(0), A1.T @ dZ2
    if bug == "regularisation counted for the bias":
        db1 = db1 + 0.2 * b1
    if bug == "regularisation of another weight":
        dW2 = dW2 + 0.2 * W2
    return model, X, Y, {"dW1": X.T @ dZ1 + added, "db1": db1, "dW2": dW2, "db2": dZ2.sum(0)}


# --- networks that are no chain -----------------------------------------------------------------
def residual(bug=""):
    """S = X + tanh(X W1 + b1), Z2 = S W2 + b2."""
    x = gn.Input((3,))
    s = L.Add()([x, L.Dense(3, activation="tanh")(x)])
    model = gn.Model(x, L.Dense(2)(s))
    W1, b1, W2, b2 = drawn(model, "mse")
    X, Y = batch((5, 3), (5, 2))
    A1 = np.tanh(X @ W1 + b1)
    S = X + A1
    dZ2 = 2 * (S @ W2 + b2 - Y) / 10
    dS = dZ2 @ W2.T
    dZ1 = dS * (1 - A1**2)
    dW2 = (A1 if bug == "input without the other branch" else S).T @ dZ2
    dX = dZ1 @ W1.T + (0 if bug == "branch overwritten" else dS)
    found = {"dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": dW2, "db2": dZ2.sum(0), "dX": dX}
    return model, X, Y, found


def shared(bug=""):
    """One dense layer twice: A2 = tanh(tanh(X W1 + b1) W1 + b1)."""
    x = gn.Input((3,))
    layer = L.Dense(3, activation="tanh")
    model = gn.Model(x, L.Dense(2)(layer(layer(x))))
    W1, b1, W2, b2 = drawn(model, "mse")
    X, Y = batch((5, 3), (5, 2))
    A1 = np.tanh(X @ W1 + b1)
    A2 = np.tanh(A1 @ W1 + b1)
    dZ = 2 * (A2 @ W2 + b2 - Y) / 10
    late = dZ @ W2.T * (1 - A2**2)
    early = late @ W1.T * (1 - A1**2)
    dW1, db1 = A1.T @ late + X.T @ early, late.sum(0) + early.sum(0)
    if bug == "one use of a shared weight":
        dW1, db1 = X.T @ early, early.sum(0)
    return model, X, Y, {"dW1": dW1, "db1": db1, "dW2": A2.T @ dZ, "db2": dZ.sum(0)}


def two_outputs(bug=""):
    """A hidden layer, a number by squared error and a chance by cross-entropy."""
    x = gn.Input((3,))
    h = L.Dense(4, activation="sigmoid")(x)
    model = gn.Model(x, [L.Dense(2)(h), L.Dense(1, activation="sigmoid")(h)])
    W1, b1, W2, b2, W3, b3 = drawn(model, ["mse", "binary_crossentropy"])
    X, Y = batch((5, 3), (5, 2))
    chance = np.array([[0.0], [1], [1], [0], [1]])
    A = sigmoid(X @ W1 + b1)
    dZ2 = 2 * (A @ W2 + b2 - Y) / 10
    dZ3 = (sigmoid(A @ W3 + b3) - chance) / (1 if bug == "1/m missing" else 5)
    dA = dZ2 @ W2.T + (0 if bug == "branch overwritten" else dZ3 @ W3.T)
    dZ1 = dA * A * (1 - A)
    found = {
        "dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": A.T @ dZ2, "db2": dZ2.sum(0),
        "dW3": A.T @ dZ3, "db3": dZ3.sum(0),
    }  # fmt: skip
    return model, X, [Y, chance], found
