"""Options that carry more than one word: `key=value` pairs and lists of names."""

import csv
import json
from collections.abc import Iterable
from typing import Any

import click


def read_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """`key=value` words as a table; a usage error for one without a key."""
    table = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not key.strip() or not sign:
            raise click.UsageError(f"'{pair}' should read key=value.")
        table[key.strip()] = value
    return table


def read_values(pairs: Iterable[str]) -> dict[str, Any]:
    """`key=value` words whose values are numbers, `true`, `null` and so on where they read as JSON, else text."""
    return {key: _value(text) for key, text in read_pairs(pairs).items()}


def read_names(line: str | None) -> list[str] | None:
    """Names between commas; one that holds a comma itself stands in double quotes."""
    if line is None:
        return None
    return [name.strip() for name in next(csv.reader([line], skipinitialspace=True), [])]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
