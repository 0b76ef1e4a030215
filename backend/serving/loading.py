"""Versions brought into memory: a model and a number come in, a loaded version goes out, checked against what was recorded."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from backend.algorithms.manifest import Manifest
from backend.errors import NotFound, NotReady, SignetError
from backend.registry.catalog import get_recorded, list_digests
from backend.registry.files import fetch_bundle, sweep_bundles
from backend.registry.mlflow_rest import MlflowRest
from backend.serving.models import ServedModel
from backend.settings import Settings

_log = logging.getLogger(__name__)
_LONGEST_PAUSE = 60.0
_STRANGER = "Version {} was not registered by this platform, so nothing vouches for its files."


@dataclass(frozen=True)
class Setback:
    """A version that could not be loaded: why, in words, and when it is worth another try."""

    problem: str
    tries: int
    again_at: float


class Loader:
    """Loads versions; `context` opens access to the database."""

    def __init__(
        self, settings: Settings, mlflow: MlflowRest, context: Callable[[], AbstractContextManager[object]]
    ) -> None:
        self._settings = settings
        self._mlflow = mlflow
        self._context = context
        self._setbacks: dict[tuple[str, int], Setback] = {}

    def load(self, model: str, number: int) -> ServedModel:
        """From the recorded, verified files; raises what is wrong with the version."""
        with self._context():
            recorded = get_recorded(model, number)
            manifest, path = Manifest.from_json(recorded.manifest), recorded.artifact_path
        folder = fetch_bundle(self._settings, self._mlflow, path, manifest)
        return ServedModel.load(model, number, folder, manifest, self._settings.threads)

    def attempt(self, model: str, number: int) -> ServedModel | None:
        """The version, or None with a setback noted; after a setback the next tries come ever more rarely."""
        earlier = self._setbacks.get((model, number))
        if earlier is not None and time.monotonic() < earlier.again_at:
            return None
        try:
            served = self.load(model, number)
        except NotFound as error:
            self._stumble(model, number, _STRANGER.format(number), error.detail)
        except SignetError as error:
            self._stumble(model, number, error.detail, error.cause)
        except Exception as error:
            _log.exception("%s, version %s", model, number)
            self._stumble(model, number, "The version cannot be loaded.", repr(error))
        else:
            self._setbacks.pop((model, number), None)
            return served
        return None

    def load_asked(self, model: str, number: int) -> ServedModel:
        """A version that somebody asks for by number; NotFound where it is not recorded, NotReady where it cannot be loaded."""
        with self._context():
            get_recorded(model, number)
        served = self.attempt(model, number)
        if served is None:
            raise NotReady(f"Version {number} of '{model}' is not served: {self.problem(model, number)}")
        return served

    def problem(self, model: str, number: int) -> str | None:
        """Why the version could not be loaded when it was last tried."""
        setback = self._setbacks.get((model, number))
        return setback.problem if setback else None

    def sweep(self) -> None:
        """Remove files of versions that are gone, and of those not loaded lately where all take too much room."""
        with self._context():
            named = list_digests()
        sweep_bundles(self._settings, named)

    def _stumble(self, model: str, number: int, problem: str, cause: str | None) -> None:
        earlier = self._setbacks.get((model, number))
        if earlier is None or earlier.problem != problem:
            _log.error("%s, version %s: %s [%s]", model, number, problem, cause)
        tries = earlier.tries + 1 if earlier else 1
        self._setbacks[model, number] = Setback(
            problem, tries, time.monotonic() + min(_LONGEST_PAUSE, 0.5 * 2.0**tries)
        )
