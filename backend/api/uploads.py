"""A multipart upload: its parts, spooled to disk under the data folder, never whole in memory."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, cast

from flask import Request

from backend.datasets.options import ReadOptions
from backend.errors import Malformed, TooLarge
from backend.settings import Settings

# The parts around the file: names and options are short.
_FRAMING = 64 * 1024


@dataclass(frozen=True)
class Upload:
    """The file of a multipart request and what was said about it."""

    stream: BinaryIO
    filename: str
    name: str
    options: ReadOptions


def read_upload(request: Request, settings: Settings) -> Upload:
    """The `file` part and its options; clear errors for what is missing or too large."""
    limit = settings.max_upload_mb * 1024 * 1024 + _FRAMING
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The file is larger than {settings.max_upload_mb} MB.")
    request.max_content_length = limit
    part = request.files.get("file")
    if part is None:
        raise Malformed("The form has no file in a part named 'file'.")
    filename = PurePath((part.filename or "").replace("\\", "/")).name
    name = request.form.get("name") or PurePath(filename).stem or "dataset"
    return Upload(cast("BinaryIO", part.stream), filename, name, _options(request))


def _options(request: Request) -> ReadOptions:
    return ReadOptions.from_text({key: value for key, value in request.form.items() if key != "name"})
