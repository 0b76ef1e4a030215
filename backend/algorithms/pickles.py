"""Refuses files that would have to be unpickled: a folder comes in, Invalid comes out where one is found."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from backend.errors import Invalid

SUFFIXES = frozenset({".pkl", ".pickle", ".pck", ".pcl", ".joblib", ".dill", ".cloudpickle"})
_PROTOCOLS = tuple(bytes((0x80, version)) for version in range(1, 6))


def verify_no_pickle(folder: Path) -> None:
    """Raise Invalid that names the first file (or member of a zip or npz) that is a pickle."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _verify_file(path, path.relative_to(folder).as_posix())


def _verify_file(path: Path, name: str) -> None:
    with path.open("rb") as stream:
        _verify(name, stream)
    if zipfile.is_zipfile(path):
        for member, content in _members(path):
            _verify(f"{name} ({member})", content)


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as stream:
                yield member, stream


def _verify(name: str, stream: IO[bytes]) -> None:
    start = stream.read(8)
    suffix = Path(name.rstrip(")")).suffix.lower()
    if suffix in SUFFIXES or start.startswith(_PROTOCOLS) or _holds_objects(start, stream):
        raise Invalid(f"The file '{name}' is a pickle. Pickle runs code when it is read: save numbers, JSON or text.")


def _holds_objects(start: bytes, stream: IO[bytes]) -> bool:
    """Whether this is a numpy array of Python objects, which numpy writes as a pickle behind its own header."""
    if start[:6] != b"\x93NUMPY":
        return False
    read_header = np.lib.format.read_array_header_1_0 if start[6] == 1 else np.lib.format.read_array_header_2_0
    dtype = read_header(stream)[2]
    return bool(dtype.hasobject)
