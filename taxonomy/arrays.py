"""The types of arrays, for the whole of Cladist: an annotation says what an array holds, a docstring its shape."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
