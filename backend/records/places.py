"""Where records are: segments as the API's processes append them, and files by model, version and day."""

from pathlib import Path

from backend.settings import Settings


def segments_folder(settings: Settings) -> Path:
    """What was appended and is not yet in files."""
    return settings.data / "records" / "segments"


def files_folder(settings: Settings) -> Path:
    """`<model>/<version>/<day>/*.parquet`."""
    return settings.data / "records" / "files"
