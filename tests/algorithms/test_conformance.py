"""The conformance checks pass what keeps the contract, and name the promise that anything else breaks."""

import re

import pytest
from jsonschema import Draft202012Validator

from backend.algorithms.catalog import ALGORITHMS
from backend.algorithms.conformance import CLASS_CHECKS, TASK_CHECKS, check
from backend.algorithms.contract import Algorithm
from tests.algorithms.bad_algorithms import BAD, SchemaWithoutDefault


def failed(algorithm: type[Algorithm]) -> dict[str, str]:
    """Reason by check, the task left out of the name."""
    return {re.sub(r" \(.*", "", one.name): one.reason for one in check(algorithm) if not one.passed}


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=list(ALGORITHMS))
def test_built_in_algorithms_keep_the_contract(algorithm: type[Algorithm]) -> None:
    results = check(algorithm)
    assert [one for one in results if not one.passed] == []
    assert len(results) == len(CLASS_CHECKS) + len(TASK_CHECKS) * len(algorithm.tasks)


@pytest.mark.parametrize(("algorithm", "expected"), BAD.items(), ids=[cls.__name__ for cls in BAD])
def test_a_broken_promise_is_named(algorithm: type[Algorithm], expected: set[str]) -> None:
    found = failed(algorithm)
    assert set(found) == expected
    assert all(found.values()), "a failure says why"


def test_every_check_has_an_algorithm_that_fails_it() -> None:
    names = {one.__name__.replace("_", " ") for one in (*CLASS_CHECKS, *TASK_CHECKS)}
    assert names - set().union(*BAD.values()) == {"has valid schema"}
    assert failed(SchemaWithoutDefault)["has valid schema"] == "'strength' has no default"


def test_code_that_raises_is_a_result_and_not_a_crash() -> None:
    class Breaks(next(iter(ALGORITHMS.values()))):  # type: ignore[misc]
        tasks = frozenset({"binary"})

        def fit(self, *args: object, **kwargs: object) -> None:
            raise ZeroDivisionError("division by zero")

    assert failed(Breaks)["fits and predicts"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=list(ALGORITHMS))
def test_hyperparameters_are_published_as_json_schema(algorithm: type[Algorithm]) -> None:
    schema = algorithm.hyperparameters_schema()
    Draft202012Validator.check_schema(schema)
    defaults = {name: one["default"] for name, one in schema["properties"].items()}
    Draft202012Validator(schema).validate(defaults)
    assert not Draft202012Validator(schema).is_valid({**defaults, "unknown": 1})
