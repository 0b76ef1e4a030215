"""What the processes that serve and train never load: MLflow costs seconds and hundreds of megabytes."""

import subprocess
import sys

from backend.settings import REPOSITORY

MODULES = "backend.app, backend.serving.shelf, backend.registry.catalog, backend.registry.registration"


def test_serving_and_registering_never_import_mlflow() -> None:
    code = f"import sys, {MODULES}; print([name for name in sys.modules if name.partition('.')[0] == 'mlflow'])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
