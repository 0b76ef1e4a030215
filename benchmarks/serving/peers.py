"""The other servers, each with the same forest, one worker, one compute thread and plain HTTP, asked in its own protocol."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.data import COLUMNS, as_json, first, numbers
from benchmarks.serving.installing import HERE, peer_python
from benchmarks.serving.servers import Ask, Command, Server, free_port

JSON = {"Content-Type": "application/json"}
Tables = Mapping[str, NDArray[np.float32]]


class Peers:
    """`tables` holds the rows of each case; processes run on `cpus`."""

    def __init__(self, model: Path, folder: Path, tables: Tables, cpus: frozenset[int]) -> None:
        self.model, self.folder, self.tables, self.cpus = model, folder, tables, cpus

    def server(self, name: str) -> Server:
        makers: dict[str, Callable[[], Server]] = {
            "fastapi": self.fastapi,
            "mlflow": self.mlflow,
            "mlserver": self.mlserver,
            "bentoml": self.bentoml,
            "litserve": self.litserve,
        }
        return makers[name.partition("+")[0]]()

    def fastapi(self) -> Server:
        port, python = free_port(), str(peer_python("fastapi"))
        argv = [
            python,
            "-m",
            "uvicorn",
            "fastapi_app:app",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--loop",
            "uvloop",
        ]
        argv += ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
        asks = self._asks("/predict", lambda table: {"features": numbers(table)}, "probabilities")
        return Server("FastAPI", "baseline", port, asks, [self._command(argv)])

    def mlflow(self) -> Server:
        port, python = free_port(), peer_python("mlflow")
        saved = self.folder / "mlflow-model"
        if not saved.exists():
            program = str(HERE / "peers" / "mlflow_model.py")
            subprocess.run([str(python), program, str(self.model), str(saved), *COLUMNS], check=True, cwd=self.folder)
        argv = [str(python), "-m", "mlflow", "models", "serve", "-m", str(saved), "--env-manager", "local"]
        argv += ["-h", "127.0.0.1", "-p", str(port), "-w", "1"]
        # It looks for `uvicorn` on the path.
        command = self._command(argv, PATH=f"{python.parent}:/usr/bin:/bin")
        split = lambda table: {"dataframe_split": {"columns": COLUMNS, "data": numbers(table)}}  # noqa: E731
        return Server("MLflow", "product", port, self._asks("/invocations", split, "predictions"), [command])

    def mlserver(self) -> Server:
        """With adaptive batching, with which it is faster; inference in its own process, which is faster on one core."""
        ports, python = [free_port() for _ in range(3)], str(peer_python("mlserver"))
        names = ("http_port", "grpc_port", "metrics_port")
        settings = {"debug": False, "parallel_workers": 0, "host": "127.0.0.1", **dict(zip(names, ports, strict=True))}
        model = {
            "name": "forest",
            "implementation": "mlserver_xgboost.XGBoostModel",
            "parameters": {"uri": str(self.model)},
        }
        batching = {"max_batch_size": 64, "max_batch_time": 0.001}
        folder = self.folder / "mlserver"
        folder.mkdir(exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
        (folder / "model-settings.json").write_text(json.dumps({**model, **batching}), "utf-8")

        def body(table: NDArray[np.float32]) -> dict[str, Any]:
            flat = [value for row in numbers(table) for value in row]
            tensor = {"name": "x", "shape": list(table.shape), "datatype": "FP32", "data": flat}
            return {"inputs": [tensor], "outputs": [{"name": "predict"}]}

        asks = {
            case: Ask(
                "/v2/models/forest/infer",
                JSON,
                as_json(body(table)),
                lambda a: float(a.json()["outputs"][0]["data"][0]),
            )
            for case, table in self.tables.items()
        }
        command = self._command([str(Path(python).with_name("mlserver")), "start", str(folder)], folder=folder)
        return Server("MLServer", "product", ports[0], asks, [command])

    def bentoml(self) -> Server:
        port, python = free_port(), str(peer_python("bentoml"))
        argv = [python, "-m", "bentoml", "serve", "bentoml_app:Forest", "--host", "127.0.0.1", "--port", str(port)]
        command = self._command(
            argv, BENTOML_HOME=str(self.folder / "bentoml"), BENTOML_DO_NOT_TRACK="True", BENCH_BATCHING="1"
        )
        asks = self._asks("/predict", lambda table: {"features": numbers(table)}, None)
        return Server("BentoML", "product", port, asks, [command])

    def litserve(self) -> Server:
        port, python = free_port(), str(peer_python("litserve"))
        command = self._command([python, str(HERE / "peers" / "litserve_app.py"), str(port)])
        asks = self._asks("/predict", lambda table: {"features": numbers(table)}, "probabilities")
        return Server("LitServe", "product", port, asks, [command])

    def _asks(self, path: str, body: Callable[[NDArray[np.float32]], Any], key: str | None) -> dict[str, Ask]:
        """`key` is where the answer holds the probabilities; None where they are the answer."""

        def read(answer: httpx.Response) -> float:
            return first(answer.json()[key] if key else answer.json())

        return {case: Ask(path, JSON, as_json(body(table)), read) for case, table in self.tables.items()}

    def _command(self, argv: list[str], folder: Path = HERE / "peers", **environment: str) -> Command:
        return Command(argv, self.cpus, {"BENCH_MODEL": str(self.model), **environment}, folder)
