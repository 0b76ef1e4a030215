"""What people do in MLflow's own pages that the journal tells of: MLflow's store and its answers come in, acts go out."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from backend.audit.events import Event, Outcome
from backend.registry.mlflow_sign_in import Visitor

_THROUGH = {"through": "mlflow"}


@dataclass(frozen=True)
class Act:
    """One line of the journal to be."""

    event: Event
    actor: str
    target: str
    outcome: Outcome = "done"
    details: Mapping[str, Any] = field(default_factory=dict)


Keep = Callable[[Act], None]

# Everything by which MLflow's store changes what an alias names: the event, and what is told of it beside the model.
_CHANGES: dict[str, tuple[Event, tuple[str, ...]]] = {
    "set_registered_model_alias": (Event.MODEL_PROMOTED, ("alias", "version")),
    "delete_registered_model_alias": (Event.MODEL_ALIAS_REMOVED, ("alias",)),
    "delete_model_version": (Event.MODEL_DELETED, ("version",)),
    "delete_registered_model": (Event.MODEL_DELETED, ()),
    "rename_registered_model": (Event.MODEL_RENAMED, ("new_name",)),
}


def watch_aliases(store: Any, visitor: Callable[[], Visitor], keep: Keep) -> None:
    """From now on each change that a visitor makes through MLflow's model store is kept, once it was made.

    What the platform itself changes there, it tells itself. An error of `keep` reaches the visitor, whose change stands.
    """
    for name, (event, facts) in _CHANGES.items():
        setattr(store, name, _told(getattr(store, name), event, facts, visitor, keep))


def refusal(visitor: Visitor, method: str, rule: str) -> Act:
    """The visitor asked for something that the role does not allow."""
    details = {"status": 403, "code": "not-allowed"} | _THROUGH
    return Act(Event.REQUEST_REFUSED, visitor.username, f"{method} {rule}", "refused", details)


def _told(
    change: Callable[..., Any], event: Event, facts: tuple[str, ...], visitor: Callable[[], Visitor], keep: Keep
) -> Callable[..., Any]:
    parameters = inspect.signature(change)

    @wraps(change)
    def change_and_tell(*values: Any, **named: Any) -> Any:
        changed, by = change(*values, **named), visitor()
        if not by.is_platform:
            given = parameters.bind(*values, **named).arguments
            details = {name: str(given[name]) for name in facts} | _THROUGH
            keep(Act(event, by.username, f"model:{given['name']}", details=details))
        return changed

    return change_and_tell
