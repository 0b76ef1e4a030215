"""The algorithms that can be chosen: those that come with Signet, and those that installed packages offer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, cast

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.contract import Algorithm
from backend.algorithms.linear import LinearModel
from backend.errors import Invalid, NotFound

GROUP = "signet.algorithms"
DEFAULT = GradientBoosting.name
ALGORITHMS: Mapping[str, type[Algorithm]] = {cls.name: cls for cls in (GradientBoosting, LinearModel)}


@dataclass(frozen=True)
class Listing:
    """One algorithm as a page or the API shows it; `error` says why it cannot be used, `cause` is for the log."""

    name: str
    title: str
    tasks: tuple[str, ...]
    hyperparameters: dict[str, Any]
    package: str
    error: str | None = None
    cause: str | None = None


def get_algorithm(name: str) -> type[Algorithm]:
    """The class of that name; NotFound where nobody offers it, Invalid where its package is broken."""
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    offers = [offer for offer in _offers() if offer.name == name]
    if not offers:
        raise NotFound(f"There is no algorithm '{name}'.")
    return _load(offers)


def list_algorithms() -> list[Listing]:
    """Every algorithm, those of Signet first; one whose package is broken is listed with its error."""
    ours = [_listing(cls, "signet") for cls in ALGORITHMS.values()]
    grouped: dict[str, list[EntryPoint]] = {}
    for offer in _offers():
        grouped.setdefault(offer.name, []).append(offer)
    return ours + [_offered(offers) for _, offers in sorted(grouped.items())]


def _offers() -> Iterator[EntryPoint]:
    return iter(entry_points(group=GROUP))


def _offered(offers: list[EntryPoint]) -> Listing:
    name, package = offers[0].name, _packages(offers)
    try:
        return _listing(_load(offers), package)
    except Invalid as error:
        return Listing(name, name, (), {}, package, error.detail, error.cause)


def _listing(cls: type[Algorithm], package: str) -> Listing:
    return Listing(cls.name, cls.title, tuple(sorted(cls.tasks)), cls.hyperparameters_schema(), package)


def _load(offers: list[EntryPoint]) -> type[Algorithm]:
    name, package = offers[0].name, _packages(offers)
    if name in ALGORITHMS:
        raise Invalid(f"{package} offers '{name}', a name that Signet itself uses.")
    if len(offers) > 1:
        raise Invalid(f"Several packages offer an algorithm '{name}': {package}. Keep one of them.")
    try:
        found = offers[0].load()
        problem = _problem(name, found)
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises, the others stay usable
        detail = f"The algorithm '{name}' of {package} cannot be loaded: {type(error).__name__}."
        raise Invalid(detail, cause=repr(error)) from error
    if problem:
        raise Invalid(f"The algorithm '{name}' of {package} cannot be used: {problem}.")
    return cast("type[Algorithm]", found)


def _problem(name: str, found: object) -> str | None:
    """Why this class is none that could be listed, or None."""
    if not (isinstance(found, type) and issubclass(found, Algorithm)):
        return "it is no subclass of backend.algorithms.contract.Algorithm"
    if isabstract(found):
        return f"it lacks {', '.join(sorted(found.__abstractmethods__))}"
    if _listing(found, "").name != name:
        return f"it names itself '{found.name}', its entry point does not"
    return None


def _packages(offers: list[EntryPoint]) -> str:
    return ", ".join(f"{offer.dist.name} {offer.dist.version}" if offer.dist else "?" for offer in offers)
