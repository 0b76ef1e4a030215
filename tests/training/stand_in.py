"""A worker process over a real database whose MLflow and registry are stand-ins: `python -m tests.training.stand_in <home>`.

Its runs are lines in `<home>/runs`; its versions are rows, one a job.
"""

import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from backend.database import db
from backend.registry.tables import ModelVersion
from backend.settings import Settings
from backend.storage import create_storage
from backend.training import lease
from backend.training.signals import on_end_signal
from backend.training.spec import Result
from backend.training.tables import Job
from backend.training.tracking import DatasetFacts
from backend.worker import Worker


def main(home: Path) -> None:
    logging.basicConfig(level=logging.INFO)
    lease.LEASE = timedelta(seconds=2)  # tests do not wait for the full term
    settings = Settings(home=home, training_threads=1, training_memory_mb=2048)

    def track(job: Job, dataset: DatasetFacts, result_folder: Path, check: Callable[[], None]) -> str:
        check()
        runs = home / "runs"
        if not runs.exists() or job.id not in runs.read_text("utf-8"):
            with runs.open("a", encoding="utf-8") as stream:
                stream.write(f"{job.id}\n")
        return f"run-of-{job.id}"

    worker = Worker(create_storage(settings), settings, track, add_version)
    on_end_signal(worker.stop)
    worker.run()


def add_version(job: Job, run_id: str, result_folder: Path) -> str:
    """The version of the job, numbered in the order of registration."""
    found = db.session.scalar(select(ModelVersion).where(ModelVersion.job_id == job.id))
    if found is None:
        result = Result.read(result_folder)
        last = db.session.scalar(select(func.max(ModelVersion.version)).where(ModelVersion.model == job.model)) or 0
        found = ModelVersion(
            model=job.model,
            version=last + 1,
            job_id=job.id,
            run_id=run_id,
            dataset_id=job.dataset_id,
            algorithm=job.algorithm,
            task=result.task,
            digest=result.manifest["digest"],
            manifest=dict(result.manifest),
            artifact_path="nowhere",
            signature={},
            metrics=dict(result.metrics),
            created_by=job.created_by,
        )
        db.session.add(found)
        db.session.commit()
    return str(found.version)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
