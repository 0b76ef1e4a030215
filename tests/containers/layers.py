"""What the layers of an image hold: also what a later layer hides, as whoever has the image has that too."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from typing import IO


def files_of(image: str) -> Iterator[tuple[str, bytes]]:
    """Each file of each layer by its path, and as `image.json` what the image says of itself and of how it was made."""
    with subprocess.Popen(["docker", "image", "save", image], stdout=subprocess.PIPE) as saving:
        for _, blob in _files_in(saving.stdout):
            if blob.peek(1)[:1] in b"{[":
                yield "image.json", blob.read()
            else:
                for name, file in _files_in(blob):
                    yield name, file.read()
    assert saving.returncode == 0


def _files_in(stream: IO[bytes] | None) -> Iterator[tuple[str, io.BufferedReader]]:
    with tarfile.open(fileobj=stream, mode="r|*") as archive:
        for member in archive:
            if member.isfile() and (file := archive.extractfile(member)):
                yield member.name, file  # type: ignore[misc]
