"""The models that a process serves: aliases are watched, a new version is loaded beside the old one and takes its place at once."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from backend.errors import NotFound, NotReady
from backend.registry.known_aliases import known_aliases_told_at, read_known_aliases, write_known_aliases
from backend.registry.mlflow_rest import Aliases, MlflowRest
from backend.serving.held import Held, Name
from backend.serving.loading import Loader
from backend.serving.memory import give_back
from backend.serving.models import ServedModel
from backend.serving.swaps import FailureBook, OnSwap, Swap, unheard
from backend.settings import Settings

_log = logging.getLogger(__name__)

CHAMPION = "champion"
# A name that is not known may have been given a moment ago; asking again at most this often keeps a flood of wrong names cheap.
_SECONDS_BETWEEN_QUESTIONS = 0.1
# How often a process looks whether another of its home was told of other aliases.
_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_BETWEEN_SWEEPS = 600.0
_UNKNOWN = "There is no model '{model}' with an alias '{alias}'."


@dataclass(frozen=True)
class Standing:
    """One alias of one model; `problem` says in words why the version that it names is not the one served.

    `served` is None while no version is in memory: nobody has asked for it, or others needed the room.
    """

    model: str
    alias: str
    named: str
    served: str | None
    problem: str | None = None


class Shelf:
    """Hands out loaded models by alias or version, and asks MLflow every `seconds` which version each alias names.

    `context` opens access to the database (an app context), `on_swap` is told when an alias comes to be answered by another version or
    cannot be. Handing out what is in memory takes no lock, no database and no network; at most `capacity` stay that were asked for by number.
    `is_ready` says whether what is known was loaded once, `problem` what is wrong with MLflow.
    """

    def __init__(
        self,
        settings: Settings,
        context: Callable[[], AbstractContextManager[object]],
        *,
        seconds: float = 0.5,
        capacity: int = 16,
        on_swap: OnSwap = unheard,
    ) -> None:
        self.default_model = settings.default_model
        self.problem: str | None = None
        self.is_ready = False
        # Whoever counts swaps may listen.
        self.on_swap = on_swap
        self._settings = settings
        self._mlflow = MlflowRest(settings)
        self._loader = Loader(settings, self._mlflow, context)
        self._held = Held(settings.model_memory_mb * 1024 * 1024, capacity)
        self._failures = FailureBook(settings, context)
        self._told: dict[Name, tuple[int, str]] = {}
        self._has_spare_memory = False
        self._swept_at = time.monotonic()
        self._seconds = seconds
        self._aliases: Aliases = {}
        self._asked_at = -1.0
        self._refreshing = threading.Lock()
        self._loading = threading.Lock()
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
            return self._held.find((model, int(version))) or self._serve_version(model, int(version))
        name = (model, alias or CHAMPION)
        return self._held.find(name) or self._serve(*name)

    def find_held(self, model: str) -> ServedModel | None:
        """The champion, where it is in memory already; takes no lock, no database and no network."""
        return self._held.find((model, CHAMPION))

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
        self._held.keep(lambda name: isinstance(name[1], int) or name in known)
        self._told = {name: about for name, about in self._told.items() if name in known}
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
        name = (model, alias)
        so_far = self._held.look(name)
        # Others than the champion are loaded when somebody first asks for them, as is a champion that made room for others.
        if so_far is None and (alias != CHAMPION or self._held.is_resting(name)):
            return
        if so_far is None or so_far.version != str(number):
            self._bring(model, alias, number)

    def _bring(self, model: str, alias: str, number: int) -> ServedModel | None:
        """Load, check and warm the version beside the one that is served, then let it answer at once; None where it cannot."""
        name, begun = (model, alias), time.monotonic()
        previous = self._held.look(name)
        served = self._held.find_version(model, number) or self._loader.attempt(model, number)
        if served is not None:
            self._has_spare_memory |= self._held.put(name, served)
        problem = None if served else self._loader.problem(model, number)
        was = previous.version if previous else None
        self._tell(Swap(model, alias, str(number), was, problem, time.monotonic() - begun))
        return served

    def _tell(self, swap: Swap) -> None:
        """Tell of a swap, and of a failure when it is another than the last one."""
        name, about = (swap.model, swap.alias), (int(swap.version), swap.problem or "")
        if self._told.get(name) == about and swap.problem:
            return
        self._told[name] = about
        self._failures.note(swap)
        self.on_swap(swap)

    def _standing(self, model: str, alias: str, number: int) -> Standing:
        served = self._held.look((model, alias))
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
            served = self._held.find((model, alias)) or self._bring(model, alias, number)
        if served is None:
            raise NotReady(f"Version {number} of '{model}' is not served: {self._loader.problem(model, number)}")
        return served

    def _serve_version(self, model: str, number: int) -> ServedModel:
        """A version that somebody asks for by number: loaded, and kept while there is room."""
        with self._loading:
            served = self._held.find_version(model, number) or self._loader.load_asked(model, number)
            self._has_spare_memory |= self._held.put((model, number), served)
        return served

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
            told_at = known_aliases_told_at(self._settings)
            try:
                self.refresh()
                self._tidy()
            except Exception:
                _log.exception("the models could not be refreshed")
            self._wait(told_at)

    def _wait(self, told_at: int) -> None:
        """Until it is time to ask again, or a process has learnt of other aliases since `told_at`."""
        until = time.monotonic() + self._seconds
        while time.monotonic() < until and known_aliases_told_at(self._settings) == told_at:
            if self._stopping.wait(min(_SECONDS_BETWEEN_LOOKS, self._seconds)):
                return

    def _tidy(self) -> None:
        """Give back what was in use at the last round at the latest; now and then remove files that nobody needs."""
        if self._has_spare_memory:
            self._has_spare_memory = False
            give_back()
        if time.monotonic() - self._swept_at > _SECONDS_BETWEEN_SWEEPS:
            self._swept_at = time.monotonic()
            self._loader.sweep()
