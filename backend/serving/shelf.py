"""The models that a process serves: aliases are watched, a new version is loaded beside the old one and takes its place at once."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from backend.errors import NotFound, NotReady
from backend.registry.known_aliases import read_known_aliases, write_known_aliases
from backend.registry.mlflow_rest import Aliases, MlflowRest
from backend.serving.loading import Loader
from backend.serving.models import ServedModel
from backend.settings import Settings

_log = logging.getLogger(__name__)

CHAMPION = "champion"
# A name that is not known may have been given a moment ago; asking again at most this often keeps a flood of wrong names cheap.
_SECONDS_BETWEEN_QUESTIONS = 0.1
_UNKNOWN = "There is no model '{model}' with an alias '{alias}'."


@dataclass(frozen=True)
class Standing:
    """One alias of one model; `problem` says in words why the version that it names is not the one served."""

    model: str
    alias: str
    named: str
    served: str | None
    problem: str | None = None


class Shelf:
    """Hands out loaded models by alias or version, and asks MLflow every `seconds` which version each alias names.

    `context` opens access to the database (an app context). Handing out by an alias takes no lock, no database and no network.
    `is_ready` says whether what is known was loaded once, `problem` what is wrong with MLflow.
    """

    def __init__(
        self,
        settings: Settings,
        context: Callable[[], AbstractContextManager[object]],
        *,
        seconds: float = 0.5,
        capacity: int = 16,
    ) -> None:
        self.default_model = settings.default_model
        self.problem: str | None = None
        self.is_ready = False
        # Called with a model and "succeeded" or "failed" when a version took its place behind an alias, or could not be loaded.
        self.on_swap: Callable[[str, str], None] = lambda _model, _result: None
        self._settings = settings
        self._mlflow = MlflowRest(settings)
        self._loader = Loader(settings, self._mlflow, context, capacity, lambda model: self.on_swap(model, "failed"))
        self._seconds = seconds
        self._aliases: Aliases = {}
        self._asked_at = -1.0
        # Replaced as a whole, never changed: a reader sees the one before or the one after.
        self._served: Mapping[tuple[str, str], ServedModel] = {}
        self._refreshing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch from now on, in a thread of this process (after a fork, not before)."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="shelf", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watch no longer; what is loaded is still handed out."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._mlflow.close()

    def get(self, model: str, *, alias: str | None = None, version: str | None = None) -> ServedModel:
        """The version to predict with, the champion unless said otherwise.

        Raises NotFound where there is none of that name, NotReady where there is one that cannot be loaded.
        """
        if version is not None:
            return self._loader.borrow(model, int(version))
        name = (model, alias or CHAMPION)
        return self._served.get(name) or self._serve(*name)

    def find_held(self, model: str) -> ServedModel | None:
        """The champion, where it is in memory already; takes no lock, no database and no network."""
        return self._served.get((model, CHAMPION))

    def refresh(self) -> None:
        """Ask MLflow and follow; while MLflow is away, what was known stays."""
        with self._refreshing:
            self._follow_all()

    def _refresh_since(self, moment: float) -> None:
        """Know what MLflow said after that moment: many who wait are told by one answer."""
        with self._refreshing:
            if self._asked_at < moment:
                self._stopping.wait(max(0.0, self._asked_at + _SECONDS_BETWEEN_QUESTIONS - time.monotonic()))
                self._follow_all()

    def _follow_all(self) -> None:
        asked_at = time.monotonic()
        self._aliases = self._ask()
        self._asked_at = asked_at
        named = [(m, alias, number) for m, aliases in self._aliases.items() for alias, number in aliases.items()]
        known = {(model, alias) for model, alias, _ in named}
        self._served = {name: served for name, served in self._served.items() if name in known}
        for model, alias, number in named:
            self._follow(model, alias, number)
        self.is_ready = True

    def knows(self, model: str) -> bool:
        """Whether an alias of this model was known at the last look."""
        return model in self._aliases

    def standings(self) -> list[Standing]:
        """How each alias stands, for people who look after the platform."""
        return [
            self._standing(model, alias, number)
            for model, named in sorted(self._aliases.items())
            for alias, number in sorted(named.items())
        ]

    def _follow(self, model: str, alias: str, number: int) -> None:
        """Serve the version that the alias names; where it cannot be loaded, what was served so far stays."""
        so_far = self._served.get((model, alias))
        # Others than the champion are loaded when somebody first asks for them, and followed from then on.
        if so_far is None and alias != CHAMPION:
            return
        if so_far is None or so_far.version != str(number):
            served = self._find(model, number) or self._loader.attempt(model, number)
            if served is not None:
                self._served = {**self._served, (model, alias): served}
                self.on_swap(model, "succeeded")

    def _standing(self, model: str, alias: str, number: int) -> Standing:
        served = self._served.get((model, alias))
        version = served.version if served else None
        problem = None if version == str(number) else self._loader.problem(model, number)
        return Standing(model, alias, str(number), version, problem)

    def _serve(self, model: str, alias: str) -> ServedModel:
        """Load what an alias names that was not asked for so far."""
        if alias not in self._aliases.get(model, {}):
            self._refresh_since(time.monotonic())
        number = self._aliases.get(model, {}).get(alias)
        if number is None:
            raise NotReady(self.problem) if self.problem else NotFound(_UNKNOWN.format(model=model, alias=alias))
        with self._refreshing:
            served = self._find(model, number) or self._loader.attempt(model, number)
            if served is None:
                raise NotReady(f"Version {number} of '{model}' is not served: {self._loader.problem(model, number)}")
            self._served = {**self._served, (model, alias): served}
            self.on_swap(model, "succeeded")
        return served

    def _find(self, model: str, number: int) -> ServedModel | None:
        """The version, where an alias has it loaded already."""
        return next((s for (name, _), s in self._served.items() if name == model and s.version == str(number)), None)

    def _ask(self) -> Aliases:
        try:
            told = self._mlflow.aliases()
        except NotReady as error:
            self._note(error.detail, error.cause)
            return self._aliases or read_known_aliases(self._settings)
        self._note(None, None)
        if told != self._aliases or not self.is_ready:
            self._keep(told)
        return told

    def _keep(self, aliases: Aliases) -> None:
        try:
            write_known_aliases(self._settings, aliases)
        except OSError:
            _log.exception("the aliases could not be kept for a start without MLflow")

    def _note(self, problem: str | None, cause: str | None) -> None:
        if problem != self.problem:
            _log.warning("%s [%s]", problem or "MLflow answers again.", cause)
        self.problem = problem

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self.refresh()
            except Exception:
                _log.exception("the models could not be refreshed")
            self._stopping.wait(self._seconds)
