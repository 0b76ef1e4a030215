"""What a model takes and gives: its columns, the matrix they become, its classes. Plain data that travels with the model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from backend.errors import Invalid

Task = Literal["binary", "multiclass", "regression"]
Kind = Literal["integer", "number", "boolean", "category", "datetime"]
Label = str | int | bool
Unknown = Literal["missing", "refuse"]

FORMAT = 1
SIGNATURE_FILE = "signet.json"
# Beyond it two whole numbers share one float64, and a value would change without a word.
LARGEST_INTEGER = 2**53
DATETIME_PARTS = ("year", "month", "day", "weekday", "hour", "epoch_seconds")


@dataclass(frozen=True)
class Column:
    """One input of a model; `missing` says whether training saw missing values in it, `unknown` what a category is that it never saw."""

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    missing: bool = False
    unknown: Unknown = "missing"

    def __post_init__(self) -> None:
        if self.unknown not in get_args(Unknown):
            raise Invalid(f"Column '{self.name}' takes unknown categories as '{self.unknown}', which has no meaning.")
        if self.kind not in get_args(Kind):
            raise Invalid(f"Column '{self.name}' has the unknown kind '{self.kind}'.")
        if len(set(self.categories)) != len(self.categories):
            raise Invalid(f"Column '{self.name}' names a category twice.")


@dataclass(frozen=True)
class Feature:
    """One column of the matrix that an algorithm sees; `column` is the input that it was made from."""

    name: str
    categorical: bool = False
    categories: tuple[str, ...] = ()
    column: str = ""


@dataclass(frozen=True)
class Signature:
    """What a trained model takes (columns, in order) and gives (classes by code, or a number)."""

    task: Task
    target: str
    target_kind: Kind
    classes: tuple[Label, ...]
    columns: tuple[Column, ...]
    algorithm: str
    example: dict[str, Any]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if not names or len(set(names)) != len(names):
            raise Invalid("A model needs at least one column, and each name only once.")
        if self.task not in get_args(Task):
            raise Invalid(f"'{self.task}' is no task; it is one of {', '.join(get_args(Task))}.")
        if (self.task == "regression") != (not self.classes):
            raise Invalid("A classifier needs classes and a regression has none.")

    def features(self) -> tuple[Feature, ...]:
        """The columns of the matrix, in order."""
        return expand(self.columns)

    def row_schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of one row given by name."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {column.name: _value_schema(column) for column in self.columns},
            "required": [column.name for column in self.columns],
            "additionalProperties": False,
            "examples": [self.example],
        }

    def to_json(self) -> dict[str, Any]:
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            "format": FORMAT,
            **plain,
            "classes": list(self.classes),
            "columns": [column_to_json(column) for column in self.columns],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises Invalid where the data is of another format or lacks a part."""
        if data.get("format") != FORMAT:
            raise Invalid(f"The model's signature is of format {data.get('format')!r}; this version reads {FORMAT}.")
        try:
            plain = {field.name: data[field.name] for field in fields(cls)}
            plain["classes"] = tuple(data["classes"])
            plain["columns"] = tuple(column_from_json(column) for column in data["columns"])
        except (KeyError, TypeError) as error:
            raise Invalid("The model's signature is incomplete.", cause=repr(error)) from error
        return cls(**plain)


def column_to_json(column: Column) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": column.name, "kind": column.kind, "missing": column.missing}
    if column.kind != "category":
        return plain
    return {**plain, "categories": list(column.categories), "unknown": column.unknown}


def column_from_json(data: Mapping[str, Any]) -> Column:
    unknown = data.get("unknown", "missing")  # signatures of before there was a choice have none
    return Column(data["name"], data["kind"], tuple(data.get("categories", ())), data["missing"], unknown)


def expand(columns: Iterable[Column]) -> tuple[Feature, ...]:
    """The matrix columns that these inputs become: one each, six for a datetime."""
    return tuple(feature for column in columns for feature in _features_of(column))


def importances_by_column(features: Sequence[Feature], values: Sequence[float]) -> dict[str, float]:
    """Importances of matrix columns summed over the input that each was made from, largest first."""
    sums: dict[str, float] = {}
    for feature, value in zip(features, values, strict=True):
        name = feature.column or feature.name
        sums[name] = sums.get(name, 0.0) + float(value)
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def _features_of(column: Column) -> tuple[Feature, ...]:
    if column.kind == "datetime":
        return tuple(Feature(f"{column.name}.{part}", column=column.name) for part in DATETIME_PARTS)
    return (Feature(column.name, column.kind == "category", column.categories, column.name),)


def _value_schema(column: Column) -> dict[str, Any]:
    schemas: dict[Kind, dict[str, Any]] = {
        "integer": {"type": "integer", "minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER},
        "number": {
            "type": "number",
            "description": "A finite number; a whole one within 2**53, so that it is kept exactly",
        },
        "boolean": {"type": "boolean"},
        "category": {"type": "string", **_known(column)},
        "datetime": {
            "type": "string",
            "description": "Date or time as ISO 8601; UTC where it names no zone",
            "anyOf": [{"format": "date"}, {"format": "date-time"}],
        },
    }
    schema = schemas[column.kind]
    return {**schema, "type": [schema["type"], "null"]} if column.missing else schema


def _known(column: Column) -> dict[str, Any]:
    """An enum only where a category that training never saw is refused; otherwise it is taken as missing."""
    if column.unknown == "refuse":
        return {"enum": [*column.categories, *([None] if column.missing else [])]}
    return {
        "examples": list(column.categories),
        "description": "One of the examples; another text is taken as missing",
    }
