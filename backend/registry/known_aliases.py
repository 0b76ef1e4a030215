"""The aliases as MLflow last told them, kept in a file: with MLflow away, models are still served and listed by them."""

import json
import os
import secrets
from pathlib import Path

from backend.registry.mlflow_rest import Aliases
from backend.settings import Settings


def read_known_aliases(settings: Settings) -> Aliases:
    """Model to alias to version; nothing where none was ever told or the file is damaged."""
    try:
        found = json.loads(_file(settings).read_text("utf-8"))
        return {str(model): {str(a): int(v) for a, v in named.items()} for model, named in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_known_aliases(settings: Settings, aliases: Aliases) -> None:
    """Replace the file as a whole; processes that write at once write the same."""
    path = _file(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps(aliases, sort_keys=True), "utf-8")
    draft.replace(path)


def known_aliases_told_at(settings: Settings) -> int:
    """When a process of this home last told other aliases than before, in a count that only rises; 0 where none ever did."""
    try:
        return _file(settings).stat().st_mtime_ns
    except OSError:
        return 0


def _file(settings: Settings) -> Path:
    return settings.data / "models" / "aliases.json"
