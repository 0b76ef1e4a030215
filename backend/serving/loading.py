"""Versions brought into memory: a model and a number come in, a loaded version goes out, checked against what was recorded."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from backend.algorithms.manifest import Manifest
from backend.errors import NotFound, NotReady, SignetError
from backend.registry.catalog import get_recorded
from backend.registry.files import fetch_bundle
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
    """Loads versions; `context` opens access to the database, and at most `capacity` asked-for versions stay in memory."""

    def __init__(
        self,
        settings: Settings,
        mlflow: MlflowRest,
        context: Callable[[], AbstractContextManager[object]],
        capacity: int,
        on_setback: Callable[[str], None] = lambda _model: None,
    ) -> None:
        self._settings = settings
        self._mlflow = mlflow
        self._context = context
        self._capacity = capacity
        self._on_setback = on_setback
        self._kept: OrderedDict[tuple[str, int], ServedModel] = OrderedDict()
        self._setbacks: dict[tuple[str, int], Setback] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()

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

    def borrow(self, model: str, number: int) -> ServedModel:
        """A version that somebody asks for by number: from memory, or loaded and kept while others are not asked for more lately."""
        with self._lock:
            kept = self._kept.get((model, number))
            if kept is not None:
                self._kept.move_to_end((model, number))
                return kept
        with self._loading:
            kept = self._kept.get((model, number)) or self._load_asked(model, number)
        with self._lock:
            self._kept[model, number] = kept
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return kept

    def problem(self, model: str, number: int) -> str | None:
        """Why the version could not be loaded when it was last tried."""
        setback = self._setbacks.get((model, number))
        return setback.problem if setback else None

    def _load_asked(self, model: str, number: int) -> ServedModel:
        with self._context():
            get_recorded(model, number)
        served = self.attempt(model, number)
        if served is None:
            raise NotReady(f"Version {number} of '{model}' is not served: {self.problem(model, number)}")
        return served

    def _stumble(self, model: str, number: int, problem: str, cause: str | None) -> None:
        earlier = self._setbacks.get((model, number))
        if earlier is None or earlier.problem != problem:
            _log.error("%s, version %s: %s [%s]", model, number, problem, cause)
        self._on_setback(model)
        tries = earlier.tries + 1 if earlier else 1
        self._setbacks[model, number] = Setback(
            problem, tries, time.monotonic() + min(_LONGEST_PAUSE, 0.5 * 2.0**tries)
        )
