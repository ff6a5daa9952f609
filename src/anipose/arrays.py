"""The type of arrays, in one spelling for all versions of numpy.

Since 2.5, numpy's own `NDArray` is a type alias that jaxtyping cannot look through.
"""

from typing import Any, TypeVar

import numpy as np

Scalar = TypeVar("Scalar", bound=np.generic, covariant=True)

NDArray = np.ndarray[tuple[Any, ...], np.dtype[Scalar]]
