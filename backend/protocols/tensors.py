"""Tensors of the Open Inference Protocol: JSON or raw little-endian bytes come in, values go out, and the way back.

Nothing is allocated by what a shape promises: it is compared with what is there first.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import Malformed

Values = Sequence[Any] | NDArray[Any]

FLOATS = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
WHOLE = {f"{sign}INT{bits}": f"<{'u' if sign else 'i'}{bits // 8}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_LIMITS = {name: (int(np.iinfo(form).min), int(np.iinfo(form).max)) for name, form in WHOLE.items()}
BOOL, BYTES = "BOOL", "BYTES"
DATATYPES = (BOOL, *WHOLE, *FLOATS, BYTES)

_FEW = 16  # values; below, a list is quicker than an array
_LARGEST_FP32 = float(np.finfo(np.float32).max)
_LENGTH = 4  # bytes before each element of a raw BYTES tensor


@dataclass(frozen=True)
class Tensor:
    """One named tensor of rows: `values` are flat, in row-major order; `shape` has one or two dimensions."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Values


def verify_shape(name: str, shape: object) -> tuple[int, ...]:
    """The shape of an input: rows, or rows and columns; Malformed says what it must be."""
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise Malformed(f"Input '{name}': 'shape' must be a list of whole numbers, none of them negative.")
    if len(shape) not in {1, 2}:
        raise Malformed(f"Input '{name}': 'shape' must be [rows] or [rows, columns]; it has {len(shape)} dimensions.")
    if 0 in shape:
        raise Malformed(f"Input '{name}' holds no rows: its shape has a 0.")
    return tuple(shape)


def from_json(name: str, datatype: str, shape: tuple[int, ...], data: object) -> Values:
    """The values of `data`, nested as the shape says or flat; each is of the datatype, or null where it is missing."""
    if not isinstance(data, list):
        raise Malformed(f"Input '{name}': 'data' must be a list.")
    flat = _flat(name, shape, data)
    kinds = set(map(type, flat))
    if list in kinds or dict in kinds:
        raise Malformed(f"Input '{name}': 'data' is not nested as its shape {list(shape)} says.")
    if datatype == "FP16":
        raise Malformed(f"Input '{name}': JSON cannot carry FP16; send FP32, FP64 or binary data.")
    if datatype in FLOATS:
        return _json_floats(name, datatype, shape, flat, kinds)
    if datatype in WHOLE:
        return _json_whole(name, datatype, shape, flat, kinds)
    kind, meant = (bool, "true or false") if datatype == BOOL else (str, "text")
    if not kinds <= {kind, type(None)}:
        _refuse_first(name, datatype, shape, flat, lambda value: value is None or type(value) is kind, meant)
    return flat


def from_bytes(name: str, datatype: str, shape: tuple[int, ...], raw: memoryview) -> Values:
    """The values of a raw tensor, whose size must be exactly what its shape says."""
    if datatype == BYTES:
        return _texts(name, shape, raw)
    form = "|u1" if datatype == BOOL else {**FLOATS, **WHOLE}[datatype]
    _verify_size(name, shape, raw.nbytes, np.dtype(form).itemsize)
    values = np.frombuffer(raw, dtype=form)
    if datatype != BOOL:
        return values
    if values.max() > 1:
        where = _where(shape, int(np.flatnonzero(values > 1)[0]))
        raise Malformed(f"Input '{name}': the byte of {where} is neither 0 nor 1, and this is BOOL.")
    return values.astype(np.bool_)


def to_bytes(datatype: str, values: Values) -> bytes:
    """The raw form of a tensor; a missing number is NaN."""
    if datatype == BYTES:
        encoded = [str(value).encode("utf-8") for value in values]
        return b"".join(part for text in encoded for part in (len(text).to_bytes(_LENGTH, "little"), text))
    form = "|b1" if datatype == BOOL else {**FLOATS, **WHOLE}[datatype]
    return np.asarray(values, dtype=form).tobytes()


def _flat(name: str, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    """The values one after the other; Malformed where there are not as many as the shape says."""
    if data and len(shape) == 2 and all(type(row) is list for row in data):
        wrong = next((number for number, row in enumerate(data) if len(row) != shape[1]), None)
        if wrong is not None:
            raise Malformed(
                f"Input '{name}': row {wrong} of 'data' has {len(data[wrong])} values, its shape says {shape[1]}."
            )
        data = [value for row in data for value in row]
    if len(data) != math.prod(shape):
        raise Malformed(f"Input '{name}': 'data' has {len(data)} values, its shape {_shown(shape)} says otherwise.")
    return data


def _json_floats(name: str, datatype: str, shape: tuple[int, ...], flat: list[Any], kinds: set[type]) -> Values:
    if not kinds <= {float, int, type(None)}:
        _refuse_first(name, datatype, shape, flat, lambda v: v is None or type(v) in {float, int}, "a number")
    values = np.array(flat, dtype=np.float64) if kinds == {float} and len(flat) >= _FEW else flat
    if datatype == "FP32" and not (isinstance(values, np.ndarray) and (np.abs(values) <= _LARGEST_FP32).all()):
        fits = "a number that FP32 holds"
        _refuse_first(name, datatype, shape, flat, lambda v: v is None or abs(v) <= _LARGEST_FP32, fits)
    return values


def _json_whole(name: str, datatype: str, shape: tuple[int, ...], flat: list[Any], kinds: set[type]) -> Values:
    low, high = _LIMITS[datatype]

    def fits(value: Any) -> bool:
        if value is None:
            return True
        whole = type(value) is int or (type(value) is float and value.is_integer())
        return whole and low <= value <= high

    if kinds == {int} and low <= min(flat) and max(flat) <= high:
        return np.array(flat, dtype=WHOLE[datatype]) if len(flat) >= _FEW else flat
    _refuse_first(name, datatype, shape, flat, fits, f"a whole number from {low} to {high}")
    return flat


def _refuse_first(
    name: str, datatype: str, shape: tuple[int, ...], flat: list[Any], fits: Callable[[Any], bool], meant: str
) -> None:
    for place, value in enumerate(flat):
        if not fits(value):
            raise Malformed(f"Input '{name}': {_where(shape, place)} is not {meant}, as {datatype} asks.")


def _texts(name: str, shape: tuple[int, ...], raw: memoryview) -> list[str]:
    count, place = math.prod(shape), 0
    texts: list[str] = []
    if count * _LENGTH > raw.nbytes:
        raise Malformed(f"Input '{name}': {raw.nbytes} bytes are too few for its shape {_shown(shape)}.")
    for number in range(count):
        end = place + _LENGTH + int.from_bytes(raw[place : place + _LENGTH], "little")
        if place + _LENGTH > raw.nbytes or end > raw.nbytes:
            raise Malformed(f"Input '{name}': the text of {_where(shape, number)} goes beyond the end of its data.")
        try:
            texts.append(str(raw[place + _LENGTH : end], "utf-8"))
        except UnicodeDecodeError as error:
            raise Malformed(f"Input '{name}': the text of {_where(shape, number)} is not UTF-8.") from error
        place = end
    if place != raw.nbytes:
        raise Malformed(f"Input '{name}': {raw.nbytes - place} bytes are left over after its shape {_shown(shape)}.")
    return texts


def _verify_size(name: str, shape: tuple[int, ...], given: int, each: int) -> None:
    if given != math.prod(shape) * each:
        raise Malformed(
            f"Input '{name}': {given} bytes of binary data are not what its shape {_shown(shape)} says, {each} bytes a value."
        )


def _where(shape: tuple[int, ...], place: int) -> str:
    if len(shape) == 1 or shape[1] == 1:
        return f"row {place}"
    return f"row {place // shape[1]}, column {place % shape[1]}"


def _shown(shape: tuple[int, ...]) -> str:
    return str(list(shape)) if all(size < 10**18 for size in shape) else "of enormous size"
