"""tritonclient, sync and asyncio, JSON and binary."""

import asyncio
import json
from functools import partial
from typing import Any

import gevent.ssl
import numpy as np
import tritonclient.http as sync
from caller import HOST, context, headers
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])
NAMES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


def table(kind: Any, *, binary: bool, datatype: str = "FP64") -> list[Any]:
    form = {"FP64": np.float64, "FP32": np.float32}[datatype]
    given = kind("x", list(ROWS.shape), datatype)
    given.set_data_from_numpy(ROWS.astype(form), binary_data=binary)
    return [given]


def columns(kind: Any, *, binary: bool) -> list[Any]:
    made = [kind(name, [len(ROWS)], "FP64") for name in NAMES]
    for place, one in enumerate(made):
        one.set_data_from_numpy(np.ascontiguousarray(ROWS[:, place]), binary_data=binary)
    return made


def told(result: Any) -> dict[str, Any]:
    labels = [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy("prediction").tolist()]
    return {"labels": labels, "shares": result.as_numpy("probabilities").tolist(), "id": result.get_response()["id"]}


def refusal(client: Any, model: str, inputs: list[Any]) -> str:
    try:
        client.infer(model, inputs, headers=headers())
    except InferenceServerException as error:
        return error.message()
    return "not refused"


def synchronously() -> dict[str, Any]:
    # It runs on gevent, whose contexts do not block the loop.
    client = sync.InferenceServerClient(
        HOST, ssl=True, ssl_context_factory=partial(context, gevent.ssl.create_default_context)
    )
    infer = partial(client.infer, "iris", request_id="mine")
    as_json = [
        sync.InferRequestedOutput("prediction", binary_data=False),
        sync.InferRequestedOutput("probabilities", binary_data=False),
    ]
    wrong = sync.InferInput("x", [1, 3], "FP64").set_data_from_numpy(np.ones((1, 3)))
    return {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model": client.is_model_ready("iris", headers=headers()),
        "version": client.is_model_ready("iris", "1", headers=headers()),
        "other": client.is_model_ready("other", headers=headers()),
        "extensions": client.get_server_metadata(headers=headers())["extensions"],
        "inputs": [one["name"] for one in client.get_model_metadata("iris", headers=headers())["inputs"]],
        "answers": {
            "binary": told(infer(table(sync.InferInput, binary=True), headers=headers())),
            "binary columns": told(infer(columns(sync.InferInput, binary=True), headers=headers())),
            "JSON": told(infer(table(sync.InferInput, binary=False), outputs=as_json, headers=headers())),
            "JSON columns": told(infer(columns(sync.InferInput, binary=False), outputs=as_json, headers=headers())),
            "gzip": told(
                infer(table(sync.InferInput, binary=True), headers=headers(), request_compression_algorithm="gzip")
            ),
            "deflate": told(
                infer(table(sync.InferInput, binary=False), headers=headers(), request_compression_algorithm="deflate")
            ),
            "by version": told(infer(table(sync.InferInput, binary=True), model_version="1", headers=headers())),
        },
        "FP32": told(infer(table(sync.InferInput, binary=True, datatype="FP32"), headers=headers()))["labels"],
        "refusals": [refusal(client, "iris", [wrong]), refusal(client, "other", [wrong])],
    }


async def asynchronously() -> dict[str, Any]:
    async with aio.InferenceServerClient(HOST, ssl=True, ssl_context=context()) as client:
        infer = partial(client.infer, "iris", request_id="mine")
        outputs = [aio.InferRequestedOutput(name, binary_data=False) for name in ("prediction", "probabilities")]
        return {
            "asyncio": told(await infer(table(aio.InferInput, binary=True), headers=headers())),
            "asyncio JSON": told(await infer(table(aio.InferInput, binary=False), outputs=outputs, headers=headers())),
        }


seen = synchronously()
seen["answers"] |= asyncio.run(asynchronously())
print(json.dumps(seen))
