"""Predictions at the terminal, by the files that would be served."""

import csv
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.algorithms.manifest import Manifest
from backend.database import db
from backend.registry.files import bundle_folder
from backend.registry.known_aliases import write_known_aliases
from backend.registry.mlflow_token import ensure_service_token
from backend.registry.tables import ModelVersion
from backend.serving.models import ServedModel
from backend.training.spec import Result
from tests.mlflow_server import free_port
from tests.trained import make_result

HEADER = "size,count,colour,open,age\n"
ROWS = HEADER + "5.1,3,red,true,\n2.0,8,blue,false,0.5\n9,1,7,true,1.25\n"
AS_JSON = [
    {"size": 5.1, "count": 3, "colour": "red", "open": True, "age": None},
    {"size": 2.0, "count": 8, "colour": "blue", "open": False, "age": 0.5},
    {"size": 9, "count": 1, "colour": "7", "open": True, "age": 1.25},
]


@dataclass
class Version:
    """A registered version, and the model itself."""

    served: ServedModel
    path: object

    def expected(self, rows=AS_JSON):
        return self.served.predict(rows)


@pytest.fixture
def settings(settings):
    """MLflow is away: what it last said is known, and the files are here."""
    return settings.model_copy(update={"mlflow_port": free_port()})


@pytest.fixture
def make(app, settings, tmp_path):
    ensure_service_token(settings)
    versions = {}

    def make(task="multiclass"):
        number = len(versions) + 1
        result = make_result(tmp_path / f"result-{number}", task, seed=number)
        manifest = Manifest.from_json(Result.read(result).manifest)
        folder = bundle_folder(settings, manifest)
        shutil.copytree(result / "bundle", folder)
        facts = dict.fromkeys(("run_id", "dataset_id", "algorithm", "created_by", "artifact_path"), "x")
        row = ModelVersion(
            model="bugs", version=number, job_id=str(number), task=task, digest=manifest.digest, metrics={},
            manifest=manifest.to_json(), signature={}, **facts,
        )  # fmt: skip
        db.session.add(row)
        db.session.commit()
        versions["champion" if number == 1 else f"number-{number}"] = number
        write_known_aliases(settings, {"bugs": versions})
        return Version(ServedModel.load("bugs", number, folder, manifest), folder)

    return make


@pytest.fixture
def bugs(make):
    return make()


@pytest.fixture
def table(tmp_path):
    def write(text=ROWS, name="rows.csv"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def test_row_is_answered_as_by_the_api(terminal, bugs):
    expected = bugs.expected(AS_JSON[:1])
    for row in (AS_JSON[0], list(AS_JSON[0].values())):
        result = terminal("predict", "bugs", "--row", json.dumps(row))
        assert json.loads(result.stdout) == {
            "prediction": expected.values[0], "probabilities": expected.probabilities[0], "model": "bugs", "version": "1",
        }  # fmt: skip


def test_rows_are_answered_together(terminal, bugs):
    result = terminal("predict", "bugs", "--row", json.dumps(AS_JSON))
    assert json.loads(result.stdout)["predictions"] == bugs.expected().values


def test_file_is_scored_in_its_order(terminal, bugs, table):
    result = terminal("predict", "bugs", table())
    lines = list(csv.DictReader(io.StringIO(result.stdout)))
    expected = bugs.expected()
    assert [line["prediction"] for line in lines] == expected.values
    assert [float(line["probability of bee"]) for line in lines] == [p["bee"] for p in expected.probabilities]
    assert result.stderr == ""


def test_file_becomes_json_lines(terminal, bugs, table):
    result = terminal("predict", "bugs", table(), "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["prediction"] for line in lines] == bugs.expected().values
    assert [line["probabilities"] for line in lines] == bugs.expected().probabilities


def test_predictions_go_to_a_file(terminal, bugs, table, tmp_path):
    assert terminal("predict", "bugs", table(), "--output", str(tmp_path / "out.csv")).stdout == ""
    assert (tmp_path / "out.csv").read_text().startswith("prediction,probability of ant")


def test_further_columns_are_named_and_left_out(terminal, bugs, table):
    text = "".join(f"{line},{more}\n" for line, more in zip(ROWS.splitlines(), ["kind", *"abc"], strict=True))
    result = terminal("predict", "bugs", table(text))
    assert result.stderr == "Not used by the model: kind.\n"
    assert len(result.stdout.splitlines()) == 4


def test_regression_has_no_probabilities(terminal, make, table):
    numbers = make("regression")
    result = terminal("predict", "bugs", table())
    assert result.stdout.splitlines()[0] == "prediction"
    assert [float(line) for line in result.stdout.splitlines()[1:]] == numbers.expected().values


def test_truth_values_are_words(terminal, make, table):
    flags = make("binary")
    result = terminal("predict", "bugs", table())
    values = [line.split(",")[0] for line in result.stdout.splitlines()[1:]]
    assert values == [str(value).lower() for value in flags.expected().values]


def test_version_and_alias_are_chosen(terminal, make, table):
    make()
    second = make()
    for words in (("--version", "2"), ("--alias", "number-2")):
        answer = json.loads(terminal("predict", "bugs", "--row", json.dumps(AS_JSON[0]), *words).stdout)
        assert answer["version"] == "2"
        assert answer["probabilities"] == second.expected(AS_JSON[:1]).probabilities[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ants", "--row", "[1]"), "There is no model 'ants'. The models are: bugs."),
        (("bugs", "--alias", "best", "--row", "[1]"), "has no alias 'best'. Its aliases are: champion."),
        (("bugs", "--version", "9", "--row", "[1]"), "no version 9"),
        (("bugs", "--row", "[1,"), "This is not JSON"),
        (("bugs", "--row", "[]"), "empty"),
        (("bugs", "--row", "[1]"), "has 1 values where the model takes 5"),
        (("bugs",), "Give a FILE or --row"),
    ],
)
def test_refusals_say_what_is_wrong(terminal, bugs, words, said):
    result = terminal("predict", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_missing_column_is_named_once(terminal, bugs, table):
    text = "".join(line.split(",", 1)[1] + "\n" for line in ROWS.splitlines())
    result = terminal("predict", "bugs", table(text))
    assert (result.exit_code, result.stderr) == (2, "Error: 'size' is missing\n")


def test_text_among_numbers_is_found(terminal, bugs, table):
    result = terminal("predict", "bugs", table(ROWS.replace("\n9,1", "\nlarge,1")))
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: row 3: 'size' holds text where the model takes numbers\n",
    )


def test_rows_are_counted_over_the_whole_file(terminal, bugs, table):
    good = "5.1,3,red,true,1\n"
    result = terminal("predict", "bugs", table(HEADER + good * 2500 + ",3,red,true,1\n"))
    assert result.exit_code == 2
    assert "row 2501: 'size' is missing" in result.stderr


def test_model_that_was_changed_is_not_used(terminal, bugs, settings):
    for path in filter(Path.is_file, bugs.path.rglob("*")):
        path.write_bytes(path.read_bytes() + b" ")
    result = terminal("predict", "bugs", "--row", "[1]")
    assert result.exit_code == 3  # the files would be fetched again, and MLflow is away
    assert "MLflow does not answer" in result.stderr


def test_nothing_is_left_of_the_file(terminal, bugs, table, settings):
    terminal("predict", "bugs", table())
    terminal("predict", "bugs", table("not a table at all"))
    assert list((settings.data / "uploads").iterdir()) == []


def test_platform_that_never_ran_is_told(terminal, settings):
    ensure_service_token(settings)
    result = terminal("predict", "bugs", "--row", "[1]")
    assert result.exit_code == 3
    assert "MLflow does not answer" in result.stderr
