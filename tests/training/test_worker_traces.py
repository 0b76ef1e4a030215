"""A training job as a span under the request that asked for it."""

from typing import Any

from backend.database import db
from backend.migrations.upgrade import upgrade
from backend.monitoring.spans import Spans
from backend.settings import Settings
from backend.storage import create_storage
from backend.training.tables import Job
from backend.worker import Worker
from tests.monitoring.collector import attributes, collector
from tests.monitoring.test_trace import ID, PARENT, SPAN


def _never(*_: Any, **__: Any) -> str:
    raise AssertionError("a job without its dataset is neither tracked nor registered")


def test_a_job_is_a_span_under_the_request(settings: Settings) -> None:
    upgrade(settings)
    app = create_storage(settings)
    with collector() as collected:
        worker = Worker(
            app, settings, _never, _never, tracing=Spans("signet-worker", "1", f"{collected.url}/v1/traces")
        )
        with worker.transaction():
            job = Job(model="things", dataset_id="gone", target="x", algorithm="xgboost", created_by="ada",
                      trace_parent=PARENT)  # fmt: skip
            db.session.add(job)
        claimed = worker._claim()
        assert claimed is not None
        worker._work(claimed)
        worker.close()
    with app.app_context():
        db.engine.dispose()
    (span,) = collected.spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex(), span.status.code) == ("train", ID, SPAN, 2)
    assert attributes(span) == {
        "signet.job": claimed.id, "signet.job.state": "failed", "signet.model": "things", "signet.algorithm": "xgboost",
        "error.type": "failed",
    }  # fmt: skip
