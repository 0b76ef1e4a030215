"""LitServe as its documentation shows it, with a numpy array and `inplace_predict`."""

import os
import sys

import litserve
import numpy as np
import xgboost as xgb


class Forest(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.booster = xgb.Booster({"nthread": 1})
        self.booster.load_model(os.environ["BENCH_MODEL"])

    def decode_request(self, request: dict) -> np.ndarray:
        return np.array(request["features"], dtype=np.float32)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.booster.inplace_predict(rows)

    def encode_response(self, answer: np.ndarray) -> dict:
        return {"probabilities": answer.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Forest(), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="warning"
    )
