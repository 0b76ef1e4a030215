"""What `mlflow.pyfunc.load_model` runs for a version of this platform. Nothing of it is pickled.

A copy lies beside each version, with the rooms that it imports, so that it works where the platform is not installed.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from backend.algorithms.bundle import read_bundle
from backend.algorithms.encoding import encode_table
from backend.algorithms.manifest import Manifest

MANIFEST_FILE = "manifest.json"


class Version:
    """One version: labels, or numbers for a regression; probabilities when `params` asks for them."""

    def __init__(self, bundle: Path) -> None:
        manifest = Manifest.from_json(json.loads((bundle.parent / MANIFEST_FILE).read_text("utf-8")))
        self._algorithm, self._signature = read_bundle(bundle, manifest)

    def predict(self, data: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row a row of `data`: the target, or one column a class for `params={"probabilities": True}`."""
        columns = self._signature.columns
        table = pa.Table.from_pandas(data[[column.name for column in columns]], preserve_index=False)
        matrix = encode_table(columns, table)
        if params and params.get("probabilities"):
            return pd.DataFrame(self._algorithm.predict_proba(matrix), columns=list(map(str, self._signature.classes)))
        values = self._algorithm.predict(matrix).tolist()
        if self._signature.classes:
            values = [self._signature.classes[code] for code in values]
        return pd.DataFrame({self._signature.target: values})


def _load_pyfunc(data_path: str) -> Version:
    """MLflow's name for the door of a model."""
    return Version(Path(data_path))
