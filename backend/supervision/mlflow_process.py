"""MLflow's server put together with the platform's people and its journal; only the MLflow process imports this."""

from starlette.applications import Starlette

from backend.api import person_tokens
from backend.audit import journal
from backend.database import db
from backend.registry import mlflow_app
from backend.registry.mlflow_acts import Act
from backend.registry.mlflow_sign_in import Person
from backend.settings import load_settings
from backend.storage import create_storage
from backend.supervision.visitors import identify

# Visitors that are told apart at once; others wait a moment.
_THREADS = 8


def create() -> Starlette:
    """MLflow's app, whose visitors show an access token of the platform (Bearer) or their password (Basic)."""
    settings = load_settings()
    people = create_storage(settings, threads=_THREADS)
    person_tokens.install_verifying(people, settings)

    def authenticate(header: str) -> Person:
        with people.app_context():
            try:
                person = identify(settings, header)
                db.session.commit()
            finally:
                journal.settle()
            return person

    def keep(act: Act) -> None:
        with people.app_context():
            journal.record(act.event, actor=act.actor, target=act.target, outcome=act.outcome, details=act.details)
            db.session.commit()

    return mlflow_app.create_app(settings, authenticate, keep)
