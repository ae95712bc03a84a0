"""The few settings that are global: precision, the small constant, the seed, the notation, checks.

Names and defaults are those of ``keras.config``: ``floatx()`` is ``"float32"`` and
``epsilon()`` is ``1e-7``. Nothing else in glassnet is global.
"""

from __future__ import annotations

import os
import threading

import numpy as np

from glassnet.checks import one_of

_FLOATS = ("float16", "float32", "float64")
ENGINES = ("auto", "numpy", "native")
NOTATIONS = ("keras", "course", "torch")
"""The names of the notations; what they are stands in `glassnet.notation`."""


class _Settings:
    floatx = "float32"
    epsilon = 1e-7
    notation = "keras"
    engine = os.environ.get("GLASSNET_ENGINE", "") or "auto"
    check_graphs = os.environ.get("GLASSNET_CHECK_GRAPHS", "") not in ("", "0")


_settings = _Settings()


def floatx() -> str:
    """Return the default float type of new variables and of Python lists: ``"float32"``.

    >>> import glassnet as gn
    >>> gn.config.floatx()
    'float32'
    """
    return _settings.floatx


def set_floatx(value: str) -> None:
    """Set the default float type; one of ``"float16"``, ``"float32"``, ``"float64"``."""
    if value not in _FLOATS:
        raise ValueError(f"set_floatx: expected one of {', '.join(_FLOATS)}; got {value!r}.")
    _settings.floatx = value


def epsilon() -> float:
    """Return the small constant that keeps logarithms and divisions finite: ``1e-7``."""
    return _settings.epsilon


def set_epsilon(value: float) -> None:
    """Set the small constant that keeps logarithms and divisions finite."""
    if not value > 0:
        raise ValueError(f"set_epsilon: expected a number above 0; got {value!r}.")
    _settings.epsilon = float(value)


def image_data_format() -> str:
    """Return ``"channels_last"``: glassnet's one layout of images, (m, height, width, channels)."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accept ``"channels_last"``; there is no other layout to set."""
    if data_format != "channels_last":
        raise ValueError(
            "glassnet's images are (m, height, width, channels), channels_last; got "
            f"{data_format!r}. Turn images round with np.moveaxis(x, 1, -1)."
        )


def notation() -> str:
    """Return the name of the notation in which networks are shown: ``"keras"``."""
    return _settings.notation


def set_notation(name: str) -> None:
    """Choose the notation of all that is shown: derivations, shapes, summaries, error messages.

    It changes what is written, never what is computed: arrays go in and come out with examples as
    rows in any notation.

    Args:
        name: ``"keras"``: examples as rows, ``Z = A W + b``; ``"course"``: examples as columns,
            ``Z = W A + b``; ``"torch"``: examples as rows, ``Z = A Wᵀ + b``.

    Raises:
        ValueError: for another name.

    >>> import glassnet as gn
    >>> gn.config.set_notation("course")
    >>> gn.config.notation()
    'course'
    >>> gn.config.set_notation("keras")
    """
    _settings.notation = one_of(name, NOTATIONS, "set_notation")


def engine() -> str:
    """Return the name of the engine that runs models: ``"auto"``, or what ``GLASSNET_ENGINE`` says.

    Raises:
        ValueError: where the environment variable names no engine.
    """
    return one_of(_settings.engine, ENGINES, "the engine (GLASSNET_ENGINE)")


def set_engine(name: str) -> None:
    """Choose the engine that runs models; ``compile(engine=…)`` chooses for one model.

    Args:
        name: ``"numpy"``: op by op with NumPy, the definition of every value; ``"native"``:
            compiled kernels, which need the extra ``glassnet[fast]``; ``"auto"``: native where
            that is installed and the run is long enough to be worth what is not compiled yet.

    Raises:
        ValueError: for another name.

    >>> import glassnet as gn
    >>> gn.config.set_engine("numpy")
    >>> gn.config.engine()
    'numpy'
    >>> gn.config.set_engine("auto")
    """
    _settings.engine = one_of(name, ENGINES, "set_engine")


def check_graphs() -> bool:
    """Tell whether every graph is held against the specification before it runs.

    Set by the environment variable ``GLASSNET_CHECK_GRAPHS=1``; the tests run with it.
    """
    return _settings.check_graphs


def set_check_graphs(value: bool) -> None:
    """Switch the check of every graph before its first run on or off."""
    _settings.check_graphs = bool(value)


# --- the seed -------------------------------------------------------------------------------
#
# Every consumer of randomness (an initializer, a Dropout, a shuffle) owns a seed, a plain
# integer. Those that were given none take the next one of this sequence, so that one call of
# `set_random_seed` at the top of a script fixes the whole run.

_lock = threading.Lock()
_sequence: list[int] = [int.from_bytes(os.urandom(7), "little"), 0]


def set_random_seed(seed: int) -> None:
    """Fix every later random choice: weights, shuffling, dropout, and those of the script.

    Same seed, same machine, same engine: bitwise the same run. Takes an integer of at least 0.
    As in Keras, Python's ``random`` and NumPy's global generator get the seed too, for scripts
    that draw or shuffle their data with them; glassnet itself uses neither.

    >>> import glassnet as gn
    >>> gn.utils.set_random_seed(7)
    >>> first = gn.initializers.GlorotUniform()((2, 3)).numpy()
    >>> gn.utils.set_random_seed(7)
    >>> bool((gn.initializers.GlorotUniform()((2, 3)).numpy() == first).all())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"set_random_seed: expected an integer of at least 0; got {seed!r}.")
    import random  # here, not above: only scripts need it, and imports take time

    random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)  # noqa: NPY002 - the generator that scripts use
    with _lock:
        _sequence[:] = [int(seed), 0]


def next_seed() -> int:
    """Return the next seed of the global sequence, an integer below 2**62."""
    with _lock:
        root, count = _sequence
        _sequence[1] = count + 1
    return int(np.random.SeedSequence([root, count]).generate_state(1, np.uint64)[0] >> 2)
