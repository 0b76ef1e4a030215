"""MLflow as the platform runs it: over its people and its journal."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from backend.api import person_tokens
from backend.audit.tables import AuditEvent
from backend.audit.verify import verify_chain
from backend.database import db
from backend.identity.authority import ensure_token_key
from backend.identity.principal import Role
from backend.identity.sessions import start_session
from backend.identity.tables import User
from backend.identity.users import create_user
from backend.migrations.upgrade import upgrade
from backend.settings import Settings
from backend.storage import create_storage
from tests.conftest import PASSWORD
from tests.mlflow_server import Mlflow, start_mlflow

pytestmark = pytest.mark.mlflow

API = "/api/2.0/mlflow"
MODEL = {"name": "iris"}


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[Mlflow]:
    settings = Settings(home=tmp_path)
    (tmp_path / "data").mkdir()
    upgrade(settings)
    app = create_storage(settings)
    person_tokens.install(app, settings)
    with app.app_context():
        create_user("ada", PASSWORD, Role.SCIENTIST)
        db.session.commit()
        (settings.certs / "token-key.pem").unlink()  # MLflow needs its public half alone
        running = start_mlflow(tmp_path, application="backend.supervision.mlflow_process:create")
        yield running
        running.stop()
        db.engine.dispose()


def told() -> list[tuple[str, str, str, str, object]]:
    db.session.rollback()
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.position))
    return [(each.event, each.actor, each.target, each.address, each.facts) for each in events]


def test_what_people_do_there_is_in_the_journal(mlflow: Mlflow) -> None:
    header = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    with httpx.Client(base_url=mlflow.url, headers={"Authorization": f"Basic {header}"}, timeout=30) as ada:
        before = len(told())
        run = ada.post(f"{API}/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]
        assert ada.post(f"{API}/registered-models/create", json=MODEL).status_code == 200
        version = {"run_id": run["run_id"], "source": f"{run['artifact_uri']}/model"}
        assert ada.post(f"{API}/model-versions/create", json=MODEL | version).status_code == 200
        named = {"alias": "champion", "version": "1"}
        assert ada.post(f"{API}/registered-models/alias", json=MODEL | named).status_code == 200
        assert (
            ada.post("/api/2.0/mlflow/users/create", json={"username": "eve", "password": PASSWORD}).status_code == 403
        )
    here = "127.0.0.1"
    refused = {"status": 403, "code": "not-allowed", "through": "mlflow"}
    assert told()[before:] == [
        ("person.signed_in", "ada", "mlflow", here, {"role": "scientist"}),
        ("model.promoted", "ada", "model:iris", here, named | {"through": "mlflow"}),
        ("request.refused", "ada", "POST /api/2.0/mlflow/users/create", here, refused),
    ]
    assert verify_chain().ok


def test_a_token_is_verified_by_the_public_half_of_its_key(mlflow: Mlflow) -> None:
    user = db.session.scalars(select(User)).one()
    token = person_tokens.issue_access_token(start_session(user, timedelta(minutes=5)))
    db.session.commit()
    asked = f"{mlflow.url}{API}/experiments/get?experiment_id=0"
    assert httpx.get(asked, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 200
    ensure_token_key(mlflow.settings)  # another key than the one that signed
    # A token that is not remembered: MLflow was not asked with it before.
    again = person_tokens.issue_access_token(start_session(user, timedelta(minutes=5)))
    db.session.commit()
    assert httpx.get(asked, headers={"Authorization": f"Bearer {again}"}, timeout=30).status_code == 401
