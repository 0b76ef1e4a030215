"""Inputs made from a JSON Schema: one a property, with its title, bounds and default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend.components import words

Schema = Mapping[str, Any]
# Streamlit sends numbers through JavaScript, which keeps whole numbers apart only up to here.
SAFE_INTEGER = 2**53 - 1


def in_rows(properties: Mapping[str, Schema], width: int = 3) -> Iterator[tuple[str, Schema, DeltaGenerator]]:
    """Each property with its place, row by row, so that a narrow screen shows them in their order."""
    columns: list[DeltaGenerator] = []
    for number, (name, schema) in enumerate(properties.items()):
        if number % width == 0:
            columns = st.columns(width)
        yield name, schema, columns[number % width]


def form_value(name: str, schema: Schema, default: object, *, key: str, empty: str = "missing") -> object:
    """Draw the input of one property; what the person chose, None for an empty one, which says `empty`."""
    plain = _without_null(schema)
    label = str(plain.get("title") or name)
    about = plain.get("description")
    if "enum" in plain or plain.get("examples"):
        hint = empty if may_be_empty(schema) else "Choose"
        return _choice(label, plain, default, key, about, hint)
    kind = plain.get("type")
    if kind == "boolean":
        return _yes_no(label, default, key, about, empty if may_be_empty(schema) else "Choose")
    if kind in {"integer", "number"}:
        return _number(label, plain, default, key, about, empty)
    text = st.text_input(label, value="" if default is None else words.moment(str(default)), key=key, help=about)
    return text.strip() or None


def may_be_empty(schema: Schema) -> bool:
    """Whether null is a value of the property."""
    kinds = schema.get("type")
    return (isinstance(kinds, list) and "null" in kinds) or any(
        part.get("type") == "null" for part in schema.get("anyOf", [])
    )


def _without_null(schema: Schema) -> dict[str, Any]:
    """The schema of the values that are not null, what surrounds it kept."""
    plain = dict(schema)
    parts = [part for part in plain.pop("anyOf", []) if part.get("type") != "null"]
    if len(parts) == 1:
        plain = {**plain, **parts[0]}
    if isinstance(plain.get("type"), list):
        plain["type"] = next((kind for kind in plain["type"] if kind != "null"), "string")
    return plain


def _choice(label: str, schema: Schema, default: object, key: str, about: str | None, hint: str) -> object:
    options = [*schema.get("enum", schema.get("examples", []))]
    _begin_with(key, default if default in options else None)
    free = "enum" not in schema
    return st.selectbox(label, options, index=None, key=key, help=about, accept_new_options=free, placeholder=hint)


def _yes_no(label: str, default: object, key: str, about: str | None, hint: str) -> object:
    _begin_with(key, default if isinstance(default, bool) else None)
    words = {True: "Yes", False: "No"}
    return st.selectbox(
        label, list(words), index=None, key=key, help=about, format_func=words.__getitem__, placeholder=hint
    )


def _number(label: str, schema: Schema, default: object, key: str, about: str | None, empty: str) -> object:
    # Streamlit wants value, bounds and step all whole or all not.
    cast = int if schema.get("type") == "integer" else float
    known = isinstance(default, int | float) and not isinstance(default, bool)
    _begin_with(key, cast(default) if known else None)  # type: ignore[arg-type,call-overload]
    choices: dict[str, Any] = {
        "min_value": _bound(schema, "minimum", cast),
        "max_value": _bound(schema, "maximum", cast),
        "value": None,
        "step": 1 if cast is int else None,
        "format": "%d" if cast is int else "%g",
    }
    given: object = st.number_input(label, key=key, help=about, placeholder=empty, **choices)
    return given


def _begin_with(key: str, value: object) -> None:
    """What the input shows at first; given as its own default, it could never be cleared."""
    if key not in st.session_state:
        st.session_state[key] = value


def _bound(schema: Schema, name: str, cast: type[int] | type[float]) -> int | float | None:
    value = schema.get(name)
    if not isinstance(value, int | float) or abs(value) > SAFE_INTEGER:
        return None
    return cast(value)
