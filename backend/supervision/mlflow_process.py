"""MLflow's server put together with the platform's people; only the MLflow process imports this."""

from starlette.applications import Starlette

from backend.app import create_app
from backend.database import db
from backend.registry import mlflow_app
from backend.registry.mlflow_sign_in import Person
from backend.settings import load_settings
from backend.supervision.visitors import identify


def create() -> Starlette:
    """MLflow's app, whose visitors show an access token of the platform (Bearer) or their password (Basic)."""
    settings = load_settings()
    people = create_app(settings)

    def authenticate(header: str) -> Person:
        with people.app_context():
            person = identify(settings, header)
            db.session.commit()
            return person

    return mlflow_app.create_app(settings, authenticate)
