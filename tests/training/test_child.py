"""The training process itself: what it leaves, how it refuses, and what it does not outlive."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.algorithms.bundle import read_bundle
from backend.algorithms.encoding import encode_rows
from backend.algorithms.manifest import Manifest
from backend.errors import TrainingImpossible
from backend.settings import REPOSITORY
from backend.training.child import CRASHED, DONE, REFUSED
from backend.training.process import TrainingProcess
from backend.training.reporting import Reporter
from backend.training.spec import Result, Spec
from backend.training.train import train
from tests.training.conftest import flowers, make_spec


def run(folder: Path, spec: Spec, threads: int = 1) -> tuple[int, list[dict[str, object]], str]:
    """Exit status, messages and last words of a training in that folder."""
    folder.mkdir(exist_ok=True)
    spec.write(folder)
    process = TrainingProcess(folder, threads=threads, cache=folder.parent / "cache")
    messages = [dict(message) for message in process.messages()]
    return process.finish(), messages, process.last_words()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    """The folder and the messages of one training in a process of its own."""
    home = tmp_path_factory.mktemp("trained")
    status, messages, words = run(home / "job", make_spec(home))
    assert status == DONE, words
    return home / "job", messages


def test_it_reports_its_steps(trained: tuple[Path, list[dict[str, object]]]) -> None:
    _, messages = trained

    steps = dict.fromkeys(str(message["step"]) for message in messages)
    assert list(steps) == ["reading", "preparing", "fitting", "evaluating", "explaining", "compiling", "writing"]
    shares = [float(str(message["progress"])) for message in messages]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_it_leaves_a_model_that_predicts_and_nothing_half_made(
    trained: tuple[Path, list[dict[str, object]]],
) -> None:
    folder = trained[0] / "result"

    result = Result.read(folder)

    algorithm, signature = read_bundle(folder / "bundle", Manifest.from_json(result.manifest))
    assert (signature.target, signature.classes) == ("label", ("no", "yes"))
    assert signature.example == {name: flowers()[name][0].as_py() for name in ("size", "colour")}
    matrix = encode_rows(signature.columns, [signature.example, {"size": 5.0, "colour": "red"}])
    assert signature.classes[int(algorithm.predict(matrix)[1])] == "yes"
    assert result.parameters["n_estimators"] == 20
    assert set(result.versions) >= {"python", "xgboost", "numpy"}
    plots = json.loads((folder / "plots.json").read_text("utf-8"))
    assert sorted(path.stem for path in (folder / "plots").iterdir()) == sorted(plot["name"] for plot in plots)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["result", "spec.json", "training.log"]


def test_the_same_wish_gives_the_same_bytes_and_another_seed_others(
    trained: tuple[Path, list[dict[str, object]]], tmp_path: Path, spec: Spec
) -> None:
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        train(replace(spec, job_id="other", seed=seed), tmp_path / str(seed), Reporter(io.StringIO()))

    folders = (trained[0], tmp_path / "0", tmp_path / "1")
    digests = [Result.read(folder / "result").manifest["digest"] for folder in folders]

    assert digests[0] == digests[1] != digests[2]


def test_a_result_that_is_there_already_is_left_alone(tmp_path: Path, spec: Spec) -> None:
    for _ in range(2):
        train(spec, tmp_path, Reporter(io.StringIO()))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["flowers.parquet", "result"]


def test_a_dataset_that_is_gone_is_refused_in_words(tmp_path: Path, spec: Spec) -> None:
    Path(spec.dataset).unlink()

    with pytest.raises(TrainingImpossible, match="was deleted"):
        train(spec, tmp_path, Reporter(io.StringIO()))


def test_data_that_cannot_teach_is_refused_in_words(tmp_path: Path, spec: Spec) -> None:
    pq.write_table(flowers().set_column(2, "label", pa.array(["no"] * 200)), spec.dataset)

    status, messages, _ = run(tmp_path / "job", spec)

    assert status == REFUSED
    assert "same value in 'label'" in str(messages[-1]["refused"])
    assert not (tmp_path / "job" / "result").exists()


def test_too_little_memory_is_said_in_words(tmp_path: Path, spec: Spec) -> None:
    rows = 400_000
    random = np.random.default_rng(0)
    names = [f"c{i}" for i in range(8)]
    table = pa.table({name: random.normal(size=rows) for name in names} | {"y": random.normal(size=rows)})
    pq.write_table(table, spec.dataset)
    wish = replace(spec, kinds=dict.fromkeys([*names, "y"], "number"), target="y", memory_mb=420)

    status, messages, words = run(tmp_path / "job", wish)

    assert status == REFUSED, words
    assert str(messages[-1]["refused"]).startswith("Training needs more memory than the 420 MB that one job may use.")


def test_a_fault_is_a_crash_whose_cause_is_kept(tmp_path: Path, spec: Spec) -> None:
    Path(spec.dataset).write_bytes(b"no parquet")

    status, messages, words = run(tmp_path / "job", spec)

    assert status == CRASHED
    assert "refused" not in messages[-1]
    assert "ArrowInvalid" in words


def test_it_has_neither_credentials_nor_the_platforms_settings(
    tmp_path: Path, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNET_DATABASE_URL", "postgresql://ada:secret@db/signet")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    folder = tmp_path / "job"
    folder.mkdir()
    endless = {"n_estimators": 100_000, "early_stopping_rounds": 100_000, "learning_rate": 1e-6}
    replace(spec, hyperparameters=endless).write(folder)
    process = TrainingProcess(folder, threads=3, cache=tmp_path / "cache")
    try:
        next(message for message in process.messages() if message["step"] == "fitting")
        environment = psutil.Process(process.pid).environ()
    finally:
        process.kill()
        process.finish()

    assert "secret" not in str(environment)
    assert not [name for name in environment if name.startswith(("SIGNET_", "MLFLOW_"))]
    assert environment["OMP_NUM_THREADS"] == "3"


def test_it_does_not_start_for_a_worker_that_is_gone(tmp_path: Path, spec: Spec) -> None:
    spec.write(tmp_path)
    command = [sys.executable, "-m", "backend.training.child", str(tmp_path), str(os.getpid() + 1)]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (1, b"")


def test_it_knows_no_database_mlflow_or_flask() -> None:
    unknown = ("mlflow", "sqlalchemy", "flask", "httpx")
    listing = (
        f"import sys, backend.training.child, backend.training.train; print([m for m in {unknown} if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", listing], cwd=REPOSITORY, capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"
