"""Which version answers: aliases are followed, and what cannot be trusted is not served."""

import shutil
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from backend.algorithms.manifest import Manifest
from backend.database import db
from backend.errors import NotFound, NotReady
from backend.registry import catalog
from backend.registry.files import bundle_folder
from backend.registry.known_aliases import read_known_aliases
from backend.registry.mlflow_rest import MlflowRest
from backend.serving.models import ServedModel
from backend.serving.shelf import Shelf
from backend.settings import Settings
from tests.mlflow_server import Mlflow
from tests.serving.conftest import Register, Shelves
from tests.trained import EXAMPLE

pytestmark = pytest.mark.mlflow


def wait_until(condition: Callable[[], bool], seconds: float = 2) -> float:
    """How long it took; fails when the time is over."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not happen in time"
        time.sleep(0.005)
    return time.monotonic() - begun


def tamper(mlflow: Mlflow, path: str) -> None:
    """Somebody who may write in MLflow changes one byte."""
    file = mlflow.settings.mlruns / "artifacts" / path / "model.ubj"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_the_first_version_is_served_as_champion(shelf: Shelf, registered: Register, model_name: str) -> None:
    recorded = registered()
    served = shelf.get(model_name)
    assert (served.version, served.digest) == ("1", recorded.digest)
    assert shelf.get(model_name) is served, "it is loaded once"
    assert served.predict([EXAMPLE]).values[0] in ("ant", "bee", "cat")


def test_an_alias_change_is_served_within_a_second(
    shelf: Shelf, registered: Register, model_name: str, mlflow: Mlflow
) -> None:
    first, second = registered(), registered()
    shelf.start()
    wait_until(lambda: shelf.is_ready)
    assert shelf.get(model_name).digest == first.digest
    body = {"name": model_name, "alias": "champion", "version": "2"}
    url = f"{mlflow.url}/api/2.0/mlflow/registered-models/alias"
    httpx.post(url, json=body, headers=mlflow.headers()).raise_for_status()
    assert wait_until(lambda: shelf.get(model_name).version == "2") < 1
    assert shelf.get(model_name).digest == second.digest
    httpx.post(url, json={**body, "version": "1"}, headers=mlflow.headers()).raise_for_status()
    wait_until(lambda: shelf.get(model_name).version == "1")


def test_no_prediction_fails_while_versions_change(
    shelf: Shelf, registered: Register, model_name: str, mlflow_rest: MlflowRest
) -> None:
    versions = {str(registered().version) for _ in range(3)}
    expected = {version: shelf.get(model_name, version=version).predict([EXAMPLE]) for version in versions}
    shelf.start()
    seen: set[str] = set()
    failures: list[BaseException] = []
    stop = threading.Event()

    def predict() -> None:
        while not stop.is_set():
            try:
                served = shelf.get(model_name)
                assert served.predict([EXAMPLE]) == expected[served.version]
                seen.add(served.version)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(9):
        number = round_ % 3 + 1
        mlflow_rest.set_alias(model_name, "champion", number)
        wait_until(lambda: shelf.get(model_name).version == str(number), seconds=5)  # noqa: B023
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == versions


def test_other_aliases_are_served_when_asked_for_and_followed(
    shelf: Shelf, registered: Register, model_name: str, settings: Settings
) -> None:
    registered(), registered()
    catalog.set_alias(settings, model_name, "challenger", "2", "ada")
    assert shelf.get(model_name, alias="challenger").version == "2"
    assert shelf.get(model_name).version == "1"
    catalog.set_alias(settings, model_name, "challenger", "1", "ada")
    shelf.refresh()
    assert shelf.get(model_name, alias="challenger") is shelf.get(model_name), "one version is loaded once"


def test_a_version_is_served_by_its_number(shelf: Shelf, registered: Register, model_name: str) -> None:
    digests = [registered().digest for _ in range(2)]
    for number, digest in enumerate(digests, 1):
        assert shelf.get(model_name, version=str(number)).digest == digest
    assert shelf.get(model_name, version="2") is shelf.get(model_name, version="2")
    for wrong in ("3", "0", "999999999"):
        with pytest.raises(NotFound):
            shelf.get(model_name, version=wrong)


def test_only_so_many_asked_for_versions_stay_in_memory(
    shelves: Shelves, registered: Register, model_name: str
) -> None:
    shelf = shelves(capacity=2)
    for _ in range(3):
        registered()
    first = shelf.get(model_name, version="1")
    shelf.get(model_name, version="2")
    assert shelf.get(model_name, version="1") is first
    shelf.get(model_name, version="3")
    assert shelf.get(model_name, version="1") is first, "asked for more lately than 2"
    second = shelf.get(model_name, version="2")
    assert shelf.get(model_name, version="2") is second


def test_many_askers_of_a_cold_version_load_it_once(
    shelf: Shelf, registered: Register, model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    loads: list[str] = []
    load = ServedModel.load

    def counted(*args: object) -> ServedModel:
        loads.append("x")
        time.sleep(0.05)
        return load(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(ServedModel, "load", counted)
    found: list[ServedModel] = []
    threads = [threading.Thread(target=lambda: found.append(shelf.get(model_name, version="1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len({id(served) for served in found}) == 1


def test_unknown_names_are_not_found(shelf: Shelf, registered: Register, model_name: str) -> None:
    registered()
    for model, alias in [("nobody", None), (model_name, "nothing"), ("../x", None), ("", None)]:
        with pytest.raises(NotFound):
            shelf.get(model, alias=alias)


def test_wrong_names_do_not_flood_mlflow(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    aliases = MlflowRest.aliases
    monkeypatch.setattr(MlflowRest, "aliases", lambda rest: asked.append(time.monotonic()) or aliases(rest))
    begun = time.monotonic()
    for _ in range(300):
        with pytest.raises(NotFound):
            shelf.get("nobody")
    assert len(asked) <= (time.monotonic() - begun) / 0.1 + 2


def test_a_version_whose_files_were_changed_in_mlflow_is_refused_and_the_old_one_stays(
    shelf: Shelf, registered: Register, model_name: str, mlflow: Mlflow, settings: Settings
) -> None:
    first, second = registered(), registered()
    served = shelf.get(model_name)
    tamper(mlflow, second.artifact_path)
    catalog.set_alias(settings, model_name, "champion", "2", "eve")
    shelf.refresh()
    assert shelf.get(model_name) is served
    assert served.digest == first.digest
    standing = next(s for s in shelf.standings() if s.model == model_name)
    assert (standing.named, standing.served) == ("2", "1")
    assert standing.problem is not None
    assert "not the ones that were registered" in standing.problem
    with pytest.raises(NotReady, match="not the ones that were registered"):
        shelf.get(model_name, version="2")
    catalog.set_alias(settings, model_name, "champion", "1", "ada")
    shelf.refresh()
    assert next(s for s in shelf.standings() if s.model == model_name).problem is None


def test_a_first_version_that_was_changed_is_not_served_at_all(
    shelf: Shelf, registered: Register, model_name: str, mlflow: Mlflow
) -> None:
    tamper(mlflow, registered().artifact_path)
    with pytest.raises(NotReady, match="not the ones that were registered"):
        shelf.get(model_name)
    assert shelf.is_ready, "one bad model does not stop the others"


def test_longer_files_are_given_up_early(
    shelf: Shelf, registered: Register, model_name: str, mlflow: Mlflow, settings: Settings
) -> None:
    recorded = registered()
    file = mlflow.settings.mlruns / "artifacts" / recorded.artifact_path / "model.ubj"
    with file.open("r+b") as stream:
        stream.truncate(50_000_000)
    with pytest.raises(NotReady, match="not the ones"):
        shelf.get(model_name)
    assert list((settings.data / "models").glob(".fetch*")) == []


def test_a_damaged_copy_on_this_machine_is_fetched_again(
    shelves: Shelves, registered: Register, model_name: str, settings: Settings
) -> None:
    recorded = registered()
    served = shelves().get(model_name)
    [file] = (settings.data / "models" / recorded.digest).glob("*.ubj")
    file.write_bytes(b"damaged")
    fresh = shelves()
    assert fresh.get(model_name).predict([EXAMPLE]) == served.predict([EXAMPLE])
    assert file.read_bytes() != b"damaged"
    assert sorted(p.name for p in (settings.data / "models").iterdir()) == sorted(["aliases.json", recorded.digest])


def test_a_version_that_the_platform_did_not_register_is_not_served(
    shelf: Shelf, registered: Register, model_name: str, mlflow_rest: MlflowRest
) -> None:
    recorded = registered()
    source = f"mlflow-artifacts:/{recorded.artifact_path}"
    number = mlflow_rest.create_version(model_name, recorded.run_id, source, {})
    shelf.refresh()
    mlflow_rest.set_alias(model_name, "champion", number)
    shelf.refresh()
    assert shelf.get(model_name).version == "1"
    problem = next(s.problem for s in shelf.standings() if s.model == model_name)
    assert problem is not None
    assert "not registered by this platform" in problem


def test_a_version_that_fails_is_tried_again_ever_more_rarely(
    shelf: Shelf, registered: Register, model_name: str, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = registered()
    folder = mlflow.settings.mlruns / "artifacts" / recorded.artifact_path
    shutil.move(folder, folder.with_name("away"))
    tries: list[str] = []
    file = MlflowRest.file
    monkeypatch.setattr(MlflowRest, "file", lambda rest, path: tries.append(path) or file(rest, path))
    begun = time.monotonic()
    for _ in range(20):
        shelf.refresh()
    assert len(tries) <= 1 + (time.monotonic() - begun), "after 1, 2, 4.. seconds, however slow this machine is"
    shutil.move(folder.with_name("away"), folder)
    wait_until(
        lambda: bool(shelf.refresh()) or model_name in {s.model for s in shelf.standings() if s.served}, seconds=5
    )
    assert shelf.get(model_name).version == "1"


def test_a_start_without_mlflow_serves_what_was_served(
    shelves: Shelves, settings: Settings, registered: Register, model_name: str
) -> None:
    registered(), registered()
    catalog.set_alias(settings, model_name, "champion", "2", "ada")
    expected = shelves().get(model_name).predict([EXAMPLE])
    away = Settings(home=settings.home, mlflow_url="http://127.0.0.1:9")
    fresh = shelves(mlflow_url=away.mlflow_url)
    fresh.refresh()
    assert fresh.is_ready
    assert fresh.get(model_name).version == "2"
    assert fresh.get(model_name).predict([EXAMPLE]) == expected
    assert fresh.problem is not None
    with pytest.raises(NotReady, match="MLflow"):
        fresh.get("nobody")
    with pytest.raises(NotReady, match="MLflow"):
        catalog.set_alias(away, model_name, "champion", "1", "ada")


def test_mlflow_may_go_and_come_back(
    shelf: Shelf, registered: Register, model_name: str, monkeypatch: pytest.MonkeyPatch, mlflow_rest: MlflowRest
) -> None:
    registered(), registered()
    shelf.start()
    wait_until(lambda: shelf.is_ready and shelf.problem is None, seconds=10)

    def away(rest: MlflowRest) -> None:
        raise NotReady("MLflow does not answer.")

    with monkeypatch.context() as gone:
        gone.setattr(MlflowRest, "aliases", away)
        wait_until(lambda: shelf.problem is not None)
        assert shelf.get(model_name).version == "1"
        mlflow_rest.set_alias(model_name, "champion", 2)
    wait_until(lambda: shelf.problem is None)
    wait_until(lambda: shelf.get(model_name).version == "2")


def test_handing_out_and_predicting_touch_no_database(
    shelf: Shelf, registered: Register, model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered()
    shelf.get(model_name)
    shelf.get(model_name, version="1")

    def fail(*args: object, **more: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(db.session, "get", fail)
    monkeypatch.setattr(db.session, "execute", fail)
    monkeypatch.setattr(httpx.Client, "request", fail)
    for served in (shelf.get(model_name), shelf.get(model_name, version="1")):
        served.predict([EXAMPLE])


def test_the_aliases_are_kept_for_the_next_start(
    shelf: Shelf, registered: Register, model_name: str, settings: Settings
) -> None:
    recorded = registered()
    assert read_known_aliases(settings) == {}
    shelf.refresh()
    assert read_known_aliases(settings)[model_name] == {"champion": 1}
    assert bundle_folder(settings, Manifest.from_json(recorded.manifest)).is_dir()
    (settings.data / "models" / "aliases.json").write_text("{damaged")
    assert read_known_aliases(settings) == {}


def test_a_model_is_found_as_soon_as_it_is_registered(shelf: Shelf, registered: Register, model_name: str) -> None:
    """A job says `succeeded`, and the next request is for its model: a moment after the shelf has asked for others."""
    recorded = registered()
    aliases = MlflowRest.aliases
    answers = [{}, {model_name: {"champion": recorded.version}}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MlflowRest, "aliases", lambda rest: answers.pop(0) if answers else aliases(rest))
        shelf.refresh()
        assert shelf.get(model_name).version == str(recorded.version)
