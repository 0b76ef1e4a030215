"""What the contract asks of an algorithm's class; each check raises NotConforming with the reason, or returns."""

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import get_args

from backend.algorithms.contract import Algorithm
from backend.algorithms.signature import Task
from backend.algorithms.verdict import require, require_invalid

RESERVED = frozenset({"task", "seed", "threads"})
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "integer": int,
    "number": (int, float),
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def declares_itself(cls: type[Algorithm]) -> None:
    name = getattr(cls, "name", None)
    require(isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name), f"name is {name!r}")
    require(isinstance(getattr(cls, "title", None), str) and cls.title, "title is no text")
    tasks = getattr(cls, "tasks", None)
    require(isinstance(tasks, frozenset) and tasks, "tasks is no frozenset, or is empty")
    require(set(cls.tasks) <= set(get_args(Task)), f"tasks may hold {', '.join(get_args(Task))} only")


def has_valid_schema(cls: type[Algorithm]) -> None:
    schema = cls.hyperparameters_schema()
    json.dumps(schema, allow_nan=False)
    require(schema.get("type") == "object", "the schema's type is not object")
    properties = schema.get("properties", {})
    taken = RESERVED & properties.keys()
    require(not taken, f"{', '.join(sorted(taken))} is a name that every algorithm already has")
    for name, described in properties.items():
        require("default" in described, f"'{name}' has no default")
        require(described.get("title"), f"'{name}' has no title")
        expected = _TYPES.get(str(described.get("type")), object)
        require(isinstance(described["default"], expected), f"the default of '{name}' is not of its type")


def keeps_hyperparameters(cls: type[Algorithm]) -> None:
    defaults = {name: one["default"] for name, one in cls.hyperparameters_schema().get("properties", {}).items()}
    task = min(cls.tasks)
    made = cls(task=task, seed=5, **defaults).parameters()
    require(made == {"task": task, "seed": 5, **defaults}, f"parameters() is {made}, given was seed 5 and {defaults}")
    require(cls(**made).parameters() == made, "parameters() does not make the same algorithm again")
    require(cls(task=task).parameters() == {**made, "seed": 0}, "the defaults are not those of the schema")


def refuses_what_it_does_not_know(cls: type[Algorithm]) -> None:
    task = min(cls.tasks)
    require_invalid(partial(cls, task=task, no_such_hyperparameter=1), "an unknown hyperparameter")
    for other in set(get_args(Task)) - cls.tasks:
        require_invalid(partial(cls, task=other), f"the task {other}, which it does not do")
