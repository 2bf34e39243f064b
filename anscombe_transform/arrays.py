"""Encoding and decoding of NumPy arrays: every dtype and memory layout, and what happens out of range."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard, cast

import numpy as np
import numpy.typing as npt

from anscombe_transform import _kernels
from anscombe_transform.tables import (
    TABLE_DTYPES,
    as_unsigned,
    decoding_table,
    encoding_table,
    kernel,
    largest,
    loop_dtype,
)
from anscombe_transform.transform import (
    ENCODED_DTYPES,
    EncodedDType,
    OutOfRange,
    Transform,
    held_range,
    is_real,
    narrowest_dtype,
    parse_encoded_dtype,
    parse_out_of_range,
    parse_real_dtype,
)

Array = npt.NDArray[Any]

_BLOCK = 1 << 16
"""Elements that are converted at a time where the kernels cannot read or write an array in place."""


def encode(
    array: npt.ArrayLike,
    *,
    zero_level: float,
    conversion_gain: float,
    encoded_dtype: npt.DTypeLike = "uint8",
    beta: float = 0.5,
    out_of_range: OutOfRange | None = None,
    out: Array | None = None,
) -> Array:
    r"""Encode photon-limited data, so that a code is `beta` standard deviations of its noise.

    With :math:`u = (x - z) / g` photons, the code of an input of :math:`x` ADU is

    .. math:: \frac{z s}{g} + \frac{2}{\beta} \left(\sqrt{u + 3/8} - \sqrt{3/8}\right)

    for :math:`u \ge 0` and :math:`z s / g + u s`, with :math:`s = 1 / (\beta \sqrt{3/8})`, below, rounded half to
    even. All arithmetic is float64.

    Parameters
    ----------
    array : array_like
        Input of any shape and memory layout, in ADU: integers of 8 to 64 bits, float16, float32 or float64, in any
        byte order.
    zero_level : float
        The input at zero photons, in ADU.
    conversion_gain : float
        ADU per photon, above 0.
    encoded_dtype : dtype_like, default "uint8"
        dtype of the codes: int8, uint8, int16, uint16, int32, uint32, float32 or float64. The floating-point ones
        keep codes unrounded.
    beta : float, default 0.5
        Noise standard deviations per code, above 0.
    out_of_range : "clamp", optional
        Give an input whose code `encoded_dtype` cannot hold the nearest code that it can. By default it is an error.
    out : ndarray, optional
        Where to write the codes: an array of the shape of `array`, of `encoded_dtype`, that does not overlap it.

    Returns
    -------
    ndarray
        The codes, of the shape of `array`; `out` if it was given.

    Raises
    ------
    TypeError
        If a parameter is not a real number, or `array` is masked or not of real numbers.
    ValueError
        If a parameter is not allowed; or if inputs are out of range, in which case the message tells which dtype
        would hold them, and `out` is untouched.

    References
    ----------
    F. J. Anscombe (1948), Biometrika 35, 246-254, doi:10.1093/biomet/35.3-4.246.

    Examples
    --------
    >>> import numpy as np
    >>> from anscombe_transform import encode
    >>> movie = np.array([0, 100, 350, 5000], "int16")
    >>> encode(movie, zero_level=100, conversion_gain=2.5, encoded_dtype="uint16")
    array([  0, 131, 168, 305], dtype=uint16)
    """
    return encode_array(
        array,
        Transform(zero_level, conversion_gain, beta),
        parse_encoded_dtype(encoded_dtype),
        parse_out_of_range(out_of_range),
        out,
    )


def decode(
    codes: npt.ArrayLike | bytes | bytearray | memoryview,
    *,
    zero_level: float,
    conversion_gain: float,
    decoded_dtype: npt.DTypeLike,
    encoded_dtype: npt.DTypeLike | None = None,
    beta: float = 0.5,
    out: Array | None = None,
) -> Array:
    """Decode what `encode` encoded with the same `zero_level`, `conversion_gain` and `beta`.

    An integer code stands for the interval of inputs that round to it. It decodes to the interval's middle: for an
    integer `decoded_dtype`, the mean of the smallest and the largest integer in it, rounded half to even. Encoding
    what was decoded gives the same integer codes again.

    Parameters
    ----------
    codes : array_like or bytes
        Codes of any shape and memory layout, or, as bytes, little-endian codes of `encoded_dtype`.
    zero_level : float
        The input at zero photons, in ADU.
    conversion_gain : float
        ADU per photon, above 0.
    decoded_dtype : dtype_like
        dtype to decode to, in its byte order: integers of 8 to 64 bits, float16, float32 or float64.
    encoded_dtype : dtype_like, optional
        dtype of the codes; by default that of `codes`. Bytes need it.
    beta : float, default 0.5
        Noise standard deviations per code, above 0.
    out : ndarray, optional
        Where to write: an array of the shape of `codes`, of `decoded_dtype`, that does not overlap it.

    Returns
    -------
    ndarray
        The decoded values, in ADU, of the shape of `codes` (one axis if they are bytes); `out` if it was given.
        Codes that encoding does not produce decode to the nearest value of the dtype that the inverse gives, NaN
        codes to `zero_level` if `decoded_dtype` is an integer.

    Raises
    ------
    TypeError
        If a parameter is not a real number, or `codes` are masked or not of a dtype of codes.
    ValueError
        If a parameter is not allowed, or `codes` are not of `encoded_dtype`.

    Examples
    --------
    >>> import numpy as np
    >>> from anscombe_transform import decode
    >>> codes = np.array([0, 131, 168, 305], "uint16")
    >>> decode(codes, zero_level=100, conversion_gain=2.5, decoded_dtype="int16")
    array([   0,  100,  346, 4984], dtype=int16)
    """
    transform = Transform(zero_level, conversion_gain, beta)
    if is_bytes(codes):
        if encoded_dtype is None:
            raise ValueError("encoded_dtype must be given to decode bytes")
        encoded = parse_encoded_dtype(encoded_dtype)
        codes = np.frombuffer(codes, np.dtype(encoded).newbyteorder("<"))
    else:
        codes = _plain_array("codes", codes)
        try:
            encoded = parse_encoded_dtype(codes.dtype.newbyteorder("="))
        except ValueError as error:
            raise TypeError(f"codes are of {codes.dtype}, but must be of {', '.join(ENCODED_DTYPES)}") from error
        if encoded_dtype is not None and parse_encoded_dtype(encoded_dtype) != encoded:
            raise ValueError(f"codes are {codes.dtype}, but encoded_dtype is {encoded_dtype}: leave encoded_dtype out")
    return decode_array(codes, transform, encoded, parse_real_dtype("decoded_dtype", decoded_dtype), out)


def is_bytes(value: object) -> TypeGuard[bytes | bytearray | memoryview]:
    """Return whether `value` is plain bytes, rather than an array or a view of one."""
    return isinstance(value, bytes | bytearray) or (isinstance(value, memoryview) and value.format == "B")


def encode_array(
    array: npt.ArrayLike,
    transform: Transform,
    encoded_dtype: EncodedDType,
    out_of_range: OutOfRange | None,
    out: Array | None = None,
) -> Array:
    """Do what `encode` does, with parameters that are checked already."""
    array = _plain_array("array", array)
    if not is_real(array.dtype):
        raise TypeError(f"array is of {array.dtype}, but must be of integers or floats of at most 64 bits")
    step, read = _encoding_step(transform, array.dtype, encoded_dtype, out_of_range)
    codes = np.dtype(encoded_dtype)
    # What the caller gave is written to only once it is sure that nothing is out of range.
    held = True
    if out is None:
        out = np.empty_like(array, codes, subok=False)
    else:
        _check_out(out, array, codes)
        held = _all_held(array, transform, encoded_dtype, out_of_range)
    if not (held and _run(step, array, read, out, codes)):
        raise _out_of_range_error(array, transform, encoded_dtype, out_of_range)
    return out


def decode_array(
    codes: Array,
    transform: Transform,
    encoded_dtype: EncodedDType,
    decoded_dtype: np.dtype[Any],
    out: Array | None = None,
) -> Array:
    """Do what `decode` does, with parameters that are checked already."""
    if out is None:
        out = np.empty_like(codes, decoded_dtype, subok=False)
    else:
        _check_out(out, codes, decoded_dtype)
    step, written = _decoding_step(transform, encoded_dtype, decoded_dtype)
    _run(step, codes, np.dtype(encoded_dtype), out, written)
    return out


_Step = Callable[[Array, Array], bool]
"""Fills the second array, contiguous and one-dimensional like the first, from it; False if it cannot."""


@lru_cache(maxsize=32)
def _encoding_step(
    transform: Transform, dtype: np.dtype[Any], encoded_dtype: EncodedDType, out_of_range: OutOfRange | None
) -> tuple[_Step, np.dtype[Any]]:
    """Return the step and the dtype that it reads."""
    read = loop_dtype(dtype)
    limits = held_range(transform, encoded_dtype)
    if limits[0] > limits[1]:
        return _is_empty, read
    if read.name not in TABLE_DTYPES:
        compute = kernel(_kernels.encode, read.name, encoded_dtype)
        parameters = (out_of_range is not None, *limits, *transform.coefficients)
        return lambda source, target: compute(source, target, *parameters), read
    codes, first, held = encoding_table(transform, read.name, encoded_dtype)
    if out_of_range is not None:
        first, held = 0, codes.size
    elif held == 0:
        return _is_empty, read
    look_up = kernel(_kernels.lookup, f"uint{8 * read.itemsize}", codes.dtype.name)
    return lambda source, target: look_up(as_unsigned(source), codes, as_unsigned(target), first, held - 1), read


@lru_cache(maxsize=32)
def _decoding_step(
    transform: Transform, encoded_dtype: EncodedDType, decoded_dtype: np.dtype[Any]
) -> tuple[_Step, np.dtype[Any]]:
    """Return the step and the dtype that it writes."""
    if encoded_dtype not in TABLE_DTYPES:
        written = loop_dtype(decoded_dtype)
        compute = kernel(_kernels.decode, encoded_dtype, written.name)
        parameters = (largest(decoded_dtype), *transform.coefficients)
        return lambda source, target: compute(source, target, *parameters), written
    table = decoding_table(transform, encoded_dtype, decoded_dtype)
    bits = 8 * np.dtype(encoded_dtype).itemsize
    look_up = kernel(_kernels.lookup, f"uint{bits}", table.dtype.name)
    last = 2**bits - 1
    return lambda source, target: look_up(as_unsigned(source), table, as_unsigned(target), 0, last), decoded_dtype


def _is_empty(source: Array, target: Array) -> bool:
    return source.size == 0


def _run(step: _Step, source: Array, source_dtype: np.dtype[Any], target: Array, target_dtype: np.dtype[Any]) -> bool:
    """Fill `target` from `source` by steps over memory as it lies, or over blocks that are converted for the step."""
    if source.dtype == source_dtype and target.dtype == target_dtype:
        a, b = source.flags, target.flags
        if a.aligned and b.aligned and ((a.c_contiguous and b.c_contiguous) or (a.f_contiguous and b.f_contiguous)):
            return step(source.reshape(-1, order="A"), target.reshape(-1, order="A"))
    blocks: Iterable[tuple[Array, Array]]
    source, target = np.atleast_1d(source, target)  # before NumPy 2.3, buffers of 0-d arrays hold garbage
    with np.nditer(  # type: ignore[call-overload]  # NumPy's stubs spell "contig" otherwise
        [source, target],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[["readonly", "contig", "aligned"], ["writeonly", "contig", "aligned"]],
        op_dtypes=[source_dtype, target_dtype],
        casting="same_kind",
        buffersize=_BLOCK,
    ) as blocks:
        return all(step(*block) for block in blocks)


def _plain_array(name: str, value: npt.ArrayLike) -> Array:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is masked, and codes have no mask: fill it first, with {name}.filled(value)")
    return np.asarray(value)


def _check_out(out: Array, like: Array, dtype: np.dtype[Any]) -> None:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, not {type(out).__name__}")
    if out.shape != like.shape or out.dtype != dtype:
        raise ValueError(f"out must have shape {like.shape} and dtype {dtype}, not {out.shape} and {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    if np.may_share_memory(out, like):
        raise ValueError("out overlaps the input: give it memory of its own")


@dataclass
class _Survey:
    """What of an array cannot be encoded, with its extremes, and the extremes of all its finite values, in ADU."""

    refused: int = 0
    nans: int = 0
    infinities: int = 0
    refused_extremes: tuple[float, float] = (math.inf, -math.inf)
    finite_extremes: tuple[float, float] = (math.inf, -math.inf)


def _survey(
    array: Array, transform: Transform, encoded_dtype: EncodedDType, out_of_range: OutOfRange | None
) -> _Survey:
    lowest, highest = held_range(transform, encoded_dtype)
    survey = _Survey()
    for x in _blocks(array):
        nan, infinite = np.isnan(x), np.isinf(x)
        finite = ~(nan | infinite)
        refused = nan if encoded_dtype[0] != "f" else np.zeros_like(nan)
        if out_of_range is None:
            refused = refused | (finite & ~((lowest <= x) & (x <= highest)))
            if encoded_dtype[0] != "f":
                refused |= infinite
        survey.refused += int(np.count_nonzero(refused))
        survey.nans += int(np.count_nonzero(nan))
        survey.infinities += int(np.count_nonzero(infinite))
        survey.refused_extremes = _widened(survey.refused_extremes, x[refused & ~nan])
        survey.finite_extremes = _widened(survey.finite_extremes, x[finite])
    return survey


def _blocks(array: Array) -> Iterator[Array]:
    """Yield the elements of an array as blocks of float64."""
    with np.nditer(
        [np.atleast_1d(array)],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_dtypes=[np.float64],
        casting="same_kind",
        buffersize=_BLOCK,
    ) as blocks:
        for block in blocks:
            yield cast("Array", block)


def _widened(extremes: tuple[float, float], x: Array) -> tuple[float, float]:
    return (min(extremes[0], float(x.min())), max(extremes[1], float(x.max()))) if x.size else extremes


def _all_held(array: Array, transform: Transform, encoded_dtype: EncodedDType, out_of_range: OutOfRange | None) -> bool:
    lowest, highest = held_range(transform, encoded_dtype)
    if lowest > highest:
        return array.size == 0
    if array.size == 0 or (lowest <= float(array.min()) and float(array.max()) <= highest):
        return True
    return _survey(array, transform, encoded_dtype, out_of_range).refused == 0


def _out_of_range_error(
    array: Array, transform: Transform, encoded_dtype: EncodedDType, out_of_range: OutOfRange | None
) -> ValueError:
    survey = _survey(array, transform, encoded_dtype, out_of_range)
    floats_only = survey.nans or survey.infinities
    wider = narrowest_dtype(
        transform, *survey.finite_extremes, ("float32", "float64") if floats_only else ENCODED_DTYPES
    )
    ways_out = [] if wider is None else [f"encoded_dtype={wider!r}, which holds them"]
    if survey.nans and encoded_dtype[0] != "f":
        problem = f"{survey.nans} of {array.size} values are NaN, which has no {encoded_dtype} code"
        ways_out.append("a number in place of NaN")
    else:
        parameters = (
            f"with zero_level={transform.zero_level:g}, conversion_gain={transform.conversion_gain:g}, "
            f"beta={transform.beta:g}"
        )
        if survey.refused:
            lowest, highest = map(_adu, survey.refused_extremes)
            problem = (
                f"{survey.refused} of {array.size} values are out of range: {lowest} to {highest} ADU, where "
                f"{encoded_dtype} codes hold {_held_in_words(transform, encoded_dtype, array.dtype)}, {parameters}"
            )
            ways_out.append("out_of_range='clamp', which stores the nearest code")
        else:  # to clamp needs an input that is in range
            problem = f"no input has a code that {encoded_dtype} holds, {parameters}"
            ways_out.append("other parameters")
    return ValueError(f"{problem}. Use {', or '.join(ways_out)}.")


def _held_in_words(transform: Transform, encoded_dtype: EncodedDType, dtype: np.dtype[Any]) -> str:
    lowest, highest = held_range(transform, encoded_dtype)
    if dtype.kind != "f":
        info = np.iinfo(dtype)
        lowest = math.ceil(max(lowest, info.min)) if lowest <= info.max else math.inf
        highest = math.floor(min(highest, info.max)) if highest >= info.min else -math.inf
    return f"{_adu(lowest)} to {_adu(highest)} ADU" if lowest <= highest else f"no {dtype}"


def _adu(x: float) -> str:
    return f"{x:.0f}" if x == round(x, 0) and abs(x) < 1e15 else f"{x:g}"
