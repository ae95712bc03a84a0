"""What scripts reach for under ``keras.backend``: the session, default types, kinds of tensors.

There is one way in which glassnet computes, so these are names for what stands elsewhere.
"""

from typing import Any

import numpy as np

from glassnet.config import epsilon as epsilon
from glassnet.config import floatx as floatx
from glassnet.config import image_data_format as image_data_format
from glassnet.config import set_epsilon as set_epsilon
from glassnet.config import set_floatx as set_floatx
from glassnet.config import set_image_data_format as set_image_data_format
from glassnet.graph import dtypes
from glassnet.utils.session import clear_session as clear_session
from glassnet.utils.session import is_keras_tensor as is_keras_tensor


def backend() -> str:
    """Return ``"numpy"``: what the reference engine computes with."""
    return "numpy"


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype; that of the default float type for None.

    >>> import numpy as np, glassnet as gn
    >>> gn.backend.standardize_dtype(np.float32), gn.backend.standardize_dtype(None)
    ('float32', 'float32')
    """
    return floatx() if dtype is None else dtypes.standard(dtype).name


def is_float_dtype(dtype: Any) -> bool:
    """Tell whether a dtype is one of floats."""
    return dtypes.is_float(np.dtype(standardize_dtype(dtype)))


def is_int_dtype(dtype: Any) -> bool:
    """Tell whether a dtype is one of integers, signed or not."""
    return np.dtype(standardize_dtype(dtype)).kind in "iu"


def result_type(*dtypes_given: Any) -> str:
    """Return the dtype that operands of these dtypes give.

    >>> import glassnet as gn
    >>> gn.backend.result_type("int32", "float32")
    'float32'
    """
    return dtypes.promote([np.dtype(standardize_dtype(d)) for d in dtypes_given]).name
