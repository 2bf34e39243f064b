"""Encoding and decoding of NumPy arrays: every dtype and memory layout, and what happens out of range."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from anscombe_transform._kernels import anscombe
from anscombe_transform._kernels.lookup import finds_in_registers, lookup
from anscombe_transform._typing import Array
from anscombe_transform.transform.out_of_range import BLOCK, all_held, out_of_range_error
from anscombe_transform.transform.parameters import (
    ENCODED_DTYPES,
    EncodedDType,
    OutOfRange,
    Transform,
    is_real,
    parse_encoded_dtype,
    parse_out_of_range,
    parse_real_dtype,
)
from anscombe_transform.transform.ranges import held_range
from anscombe_transform.transform.tables import (
    TABLE_DTYPES,
    as_unsigned,
    decoding_pairs,
    decoding_table,
    encoding_table,
    kernel,
    largest,
    loop_dtype,
)


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
        The dtype of the codes: int8, uint8, int16, uint16, int32, uint32, float32 or float64. The floating-point ones
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
        If a parameter is not allowed, or float64 is not precise enough for them; or if inputs are out of range, in
        which case the message says which dtype would hold them, and `out` is untouched.

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
    transform = Transform(zero_level, conversion_gain, beta)
    transform.check_precision()
    return encode_array(
        array,
        transform,
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
        The dtype to decode to, in its byte order: integers of 8 to 64 bits, float16, float32 or float64.
    encoded_dtype : dtype_like, optional
        The dtype of the codes; by default that of `codes`. Bytes need it.
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
    """Do what `encode` does, with parameters that have been checked."""
    array = _plain_array("array", array)
    if not is_real(array.dtype):
        raise TypeError(f"array is of {array.dtype}, but must be of integers or floats of at most 64 bits")
    step, read = _encoding_step(transform, array.dtype, encoded_dtype, out_of_range)
    codes = np.dtype(encoded_dtype)
    # What the caller gave is written to only once it is certain that nothing is out of range.
    held = True
    if out is None:
        out = np.empty_like(array, codes, subok=False)
    else:
        _check_out(out, array, codes)
        held = all_held(array, transform, encoded_dtype, out_of_range)
    if not (held and _run(step, array, read, out, codes)):
        raise out_of_range_error(array, transform, encoded_dtype, out_of_range)
    return out


def decode_array(
    codes: Array,
    transform: Transform,
    encoded_dtype: EncodedDType,
    decoded_dtype: np.dtype[Any],
    out: Array | None = None,
) -> Array:
    """Do what `decode` does, with parameters that have been checked."""
    if out is None:
        out = np.empty_like(codes, decoded_dtype, subok=False)
    else:
        _check_out(out, codes, decoded_dtype)
    step, written = _decoding_step(transform, encoded_dtype, decoded_dtype)
    _run(step, codes, np.dtype(encoded_dtype), out, written)
    return out


_MANY_CODES = 1 << 18
"""So many 8-bit codes are looked up in pairs: for fewer, making the table of all pairs takes too long."""

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
        compute = kernel(anscombe.encode, read.name, encoded_dtype)
        parameters = (out_of_range is not None, *limits, *transform.coefficients)
        return lambda source, target: compute(source, target, *parameters), read
    codes, first, held = encoding_table(transform, read.name, encoded_dtype)
    if out_of_range is not None:
        first, held = 0, codes.size
    elif held == 0:
        return _is_empty, read
    look_up = kernel(lookup, f"uint{8 * read.itemsize}", codes.dtype.name)
    return lambda source, target: look_up(as_unsigned(source), codes, as_unsigned(target), first, held - 1), read


@lru_cache(maxsize=32)
def _decoding_step(
    transform: Transform, encoded_dtype: EncodedDType, decoded_dtype: np.dtype[Any]
) -> tuple[_Step, np.dtype[Any]]:
    """Return the step and the dtype that it writes."""
    if encoded_dtype not in TABLE_DTYPES:
        written = loop_dtype(decoded_dtype)
        compute = kernel(anscombe.decode, encoded_dtype, written.name)
        parameters = (largest(decoded_dtype), *transform.coefficients)
        return lambda source, target: compute(source, target, *parameters), written
    table = decoding_table(transform, encoded_dtype, decoded_dtype)
    bits = 8 * np.dtype(encoded_dtype).itemsize
    look_up = kernel(lookup, f"uint{bits}", table.dtype.name)
    last = 2**bits - 1

    def one_by_one(source: Array, target: Array) -> bool:
        return look_up(as_unsigned(source), table, as_unsigned(target), 0, last)

    if bits > 8 or table.itemsize > 4:
        return one_by_one, decoded_dtype
    pair = np.dtype(f"u{2 * table.itemsize}")
    look_up_pairs = kernel(lookup, "uint16", pair.name)

    def in_pairs(source: Array, target: Array) -> bool:
        if source.size < _MANY_CODES or finds_in_registers(table.itemsize):
            return one_by_one(source, target)
        even = source.size & ~1
        codes, values = source[:even].view(np.uint16), target[:even].view(pair)
        if not (codes.flags.aligned and values.flags.aligned):
            return one_by_one(source, target)
        look_up_pairs(codes, decoding_pairs(transform, encoded_dtype, decoded_dtype), values, 0, 2**16 - 1)
        return one_by_one(source[even:], target[even:])

    return in_pairs, decoded_dtype


def _is_empty(source: Array, target: Array) -> bool:
    return source.size == 0


def _run(step: _Step, source: Array, source_dtype: np.dtype[Any], target: Array, target_dtype: np.dtype[Any]) -> bool:
    """Fill `target` from `source`, in one step if their memory allows it, or else in blocks that are converted."""
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
        buffersize=BLOCK,
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
