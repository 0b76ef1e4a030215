"""BentoML with its own array type and, where `BENCH_BATCHING` is set, its adaptive batching."""

import os

import bentoml
import numpy as np
import xgboost as xgb

BATCHING = (
    {"batchable": True, "max_batch_size": 64_000, "max_latency_ms": 30_000} if os.environ.get("BENCH_BATCHING") else {}
)


@bentoml.service(workers=1, threads=1)
class Forest:
    def __init__(self) -> None:
        self.booster = xgb.Booster({"nthread": 1})
        self.booster.load_model(os.environ["BENCH_MODEL"])

    @bentoml.api(**BATCHING)
    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.booster.inplace_predict(features.astype(np.float32))
