"""A delimited text comes in; its table goes out, types decided over all of its rows."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from backend.datasets.advice import advice_on
from backend.datasets.blocks import Blocks, no_rows
from backend.datasets.convert import convert, stored_type
from backend.datasets.decide import Conversion, decide
from backend.datasets.dialect import Layout, find_layout
from backend.datasets.encoding import as_utf8
from backend.datasets.headers import clean_names, numbered_names, verify_header
from backend.datasets.options import ReadOptions
from backend.datasets.reading import Reading
from backend.datasets.tally import Tally


def read_delimited(path: Path, options: ReadOptions, notes: list[str]) -> Reading:
    """The table of a text file."""
    return read_table(find_layout(as_utf8(path, options.encoding, notes), options), options, notes)


def read_table(layout: Layout, options: ReadOptions, notes: list[str]) -> Reading:
    """The table in a UTF-8 text of known layout, read once to decide and a second time, later, to convert."""
    blocks = Blocks(layout)
    has_header = layout.header
    names = clean_names(blocks.names, notes) if has_header else numbered_names(len(blocks.names))
    tallies = _tallied(blocks, names)
    conversions = decide(tallies, options)
    if options.header is None:
        verify_header(blocks.names, tallies, conversions)
    kept = _kept(blocks.names, tallies, notes) if has_header else list(range(len(names)))
    wanted = {names[place]: conversions[place] for place in kept}
    notes.extend(advice_on({name: tallies[name] for name in wanted}, list(wanted.values())))
    schema = pa.schema([(name, stored_type(conversion)) for name, conversion in wanted.items()])
    return Reading(schema, _converted(blocks, kept, list(wanted.values()), schema))


def _tallied(blocks: Blocks, names: list[str]) -> dict[str, Tally]:
    tallies = {name: Tally() for name in names}
    for block in blocks:
        for tally, column in zip(tallies.values(), block, strict=True):
            tally.add(column)
    if not next(iter(tallies.values())).rows:
        raise no_rows()
    return tallies


def _kept(cells: list[str], tallies: dict[str, Tally], notes: list[str]) -> list[int]:
    """The places of the columns that have a name or a value: a delimiter at the end of each line makes neither."""
    nothing = [not cell.strip() and not tally.present for cell, tally in zip(cells, tallies.values(), strict=True)]
    if all(nothing):
        raise no_rows()
    for name, empty in zip(tallies, nothing, strict=True):
        if empty:
            notes[:] = [note for note in notes if f"is now '{name}'" not in note]
            notes.append(f"A column without a name and without values was left out (the place of '{name}').")
    return [place for place, empty in enumerate(nothing) if not empty]


def _converted(
    blocks: Blocks, kept: list[int], conversions: list[Conversion], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        columns = [convert(block[place], conversion) for place, conversion in zip(kept, conversions, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
