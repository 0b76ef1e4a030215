"""`kill -9` at any moment: every acknowledged job ends registered exactly once, nothing is left behind, nothing lost.

`SIGNET_TEST_ROUNDS` says how often each fault is tried; once is enough to see a regression.
"""

import os
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.e2e.running import ROOT, Platform, finished_job, make_platform, train, upload, wait_for

ROUNDS = int(os.environ.get("SIGNET_TEST_ROUNDS", "1"))
BIKES = ROOT / "docs" / "examples" / "bikes.csv"


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own, because it will be killed."""
    platform = make_platform(tmp_path_factory.mktemp("victim")).start()
    yield platform
    platform.stop()
    assert platform.processes() == []


pytestmark = [pytest.mark.platform, pytest.mark.xdist_group("platform")]


def _kill_worker(platform: Platform) -> None:
    platform.role("worker").kill()


def _kill_api(platform: Platform) -> None:
    platform.role("serve").kill()


def _kill_everything(platform: Platform) -> None:
    platform.kill()
    assert platform.processes() == []
    platform.start()


def _is_fitting(client: httpx.Client, job_id: str) -> bool:
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert job["state"] in {"queued", "running"}, "the job ended before it could be disturbed"
    return job["step"] == "fitting" and job["progress"] > 0


def _client(platform: Platform) -> httpx.Client:
    def signed_in() -> httpx.Client | None:
        try:
            return platform.client()
        except (httpx.HTTPError, AssertionError):
            return None

    return wait_for(signed_in, seconds=60, what="the API answers again")


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("fault", [_kill_worker, _kill_api, _kill_everything], ids=lambda f: f.__name__.strip("_"))
def test_an_acknowledged_job_ends_registered_exactly_once(
    victim: Platform, fault: Callable[[Platform], None], round_: int
) -> None:
    model = f"{fault.__name__.strip('_').replace('_', '-')}-{round_}"
    client = _client(victim)
    dataset = upload(client, BIKES, model)
    slow = {"learning_rate": 0.001, "n_estimators": 8000, "early_stopping_rounds": 8000}
    job = train(client, dataset["id"], "rentals", model, hyperparameters=slow)
    wait_for(lambda: _is_fitting(client, job["id"]), seconds=60, what="the job is fitting")
    fault(victim)
    client = _client(victim)
    ended = finished_job(client, job["id"], seconds=180)
    assert (ended["state"], ended["model_version"]) == ("succeeded", "1"), ended
    assert len(client.get(f"/v1/models/{model}").json()["versions"]) == 1
    assert client.get(f"/v1/datasets/{dataset['id']}").json()["sha256"] == dataset["sha256"]
    assert _children(victim) == [], "a training process is left"


def _children(platform: Platform) -> list[int]:
    return [p.pid for p in platform.processes() if "backend.training.child" in " ".join(p.cmdline())]


def test_an_upload_that_was_cut_leaves_nothing(victim: Platform) -> None:
    client = _client(victim)
    before = {item["id"] for item in client.get("/v1/datasets").json()["items"]}

    def cut() -> Iterator[bytes]:
        """A multipart upload whose receiver is killed in the middle."""
        yield b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n'
        for row in range(200_000):
            yield b"%d,%d\n" % (row, row)
            if row == 100_000:
                victim.role("serve").kill()
        yield b"\r\n--edge--\r\n"

    with pytest.raises(httpx.HTTPError):
        client.post("/v1/datasets", content=cut(), headers={"Content-Type": "multipart/form-data; boundary=edge"})
    client = _client(victim)
    assert {item["id"] for item in client.get("/v1/datasets").json()["items"]} == before
    assert {path.stem for path in (victim.home / "data" / "datasets").glob("*")} == before
