"""A process that takes jobs and ends them at once: `python -m tests.training.claimer <home> <name>`; each is a line in `<home>/<name>`."""

import sys
from pathlib import Path

from backend.database import db
from backend.settings import Settings
from backend.storage import create_storage
from backend.training import lease


def main(home: Path, name: str) -> None:
    app = create_storage(Settings(home=home))
    with (home / name).open("a", encoding="utf-8", buffering=1) as taken:
        while True:
            with app.app_context():
                if not lease.is_work_waiting():
                    return
                job = lease.claim(name)
                db.session.commit()
                if job is None:
                    continue  # others hold what is left
                taken.write(f"{job.id}\n")
                lease.finish(job.id, name, "succeeded")
                db.session.commit()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
