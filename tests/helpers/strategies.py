"""Random parameters and arrays for the tests."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anscombe_transform import Predictor

CODE_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
INTEGER_CODE_DTYPES = CODE_DTYPES[:6]
INTEGER_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
REAL_DTYPES = (*INTEGER_DTYPES, "float16", "float32", "float64")

Parameters = dict[str, Any]


def logarithmic(lowest: float, highest: float) -> st.SearchStrategy[float]:
    return st.floats(np.log(lowest), np.log(highest)).map(lambda x: float(np.exp(x)))


_GAINS = st.one_of(st.sampled_from([0.5, 1.0, 2.5, 97.0]), logarithmic(1e-2, 1e4))


@st.composite
def parameters(draw: st.DrawFn, gains: st.SearchStrategy[float] = _GAINS) -> Parameters:
    """Zero level, conversion gain and beta of any detector that one could meet, and some beyond."""
    return {
        "zero_level": draw(st.one_of(st.integers(-3000, 3000).map(float), st.floats(-1e4, 1e4))),
        "conversion_gain": draw(gains),
        "beta": draw(st.one_of(st.just(0.5), logarithmic(0.05, 4.0))),
    }


def byte_orders(dtype: str) -> st.SearchStrategy[np.dtype[Any]]:
    return st.sampled_from([np.dtype(dtype), np.dtype(dtype).newbyteorder()])


@st.composite
def inputs(draw: st.DrawFn, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Up to 40 finite values: small, around the ends of the dtype, or anything between."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        width: Any = 8 * dtype.itemsize
        limit = float(np.finfo(dtype).max)
        near = float(np.dtype(dtype).type(min(limit, 1e5)))
        elements = st.one_of(
            st.floats(-near, near, width=width), st.floats(-limit, limit, width=width, allow_nan=False)
        )
    else:
        info = np.iinfo(dtype)
        elements = st.one_of(
            st.integers(max(info.min, -5000), min(info.max, 50000)), st.integers(int(info.min), int(info.max))
        )
    shape = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    return draw(hnp.arrays(dtype, shape, elements=elements))


_INT16 = st.integers(-(2**15), 2**15 - 1)


@st.composite
def predictors(draw: st.DrawFn) -> Predictor:
    """Weights that may be those of a movie, and any others."""
    weight = draw(st.sampled_from([_INT16, st.integers(-200, 5000)]))
    return Predictor(
        tuple(draw(st.lists(weight, min_size=9, max_size=9))),
        draw(_INT16),
        tuple(draw(st.lists(weight, min_size=8, max_size=8))),
        draw(_INT16),
        draw(st.integers(0, 7)),
    )
