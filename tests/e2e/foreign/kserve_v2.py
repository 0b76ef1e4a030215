"""KServe's inference client."""

import asyncio
import json
from typing import Any

import numpy as np
from caller import URL, context, headers
from kserve import InferenceRESTClient, InferInput, InferOutput, InferRequest, RESTConfig

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])


def request(*, binary: bool) -> InferRequest:
    given = InferInput("x", list(ROWS.shape), "FP64")
    given.set_data_from_numpy(ROWS, binary_data=binary)
    parameters = {"binary_data_output": True} if binary else {}
    return InferRequest("iris", [given], request_id="mine", parameters=parameters)


def told(response: Any) -> dict[str, Any]:
    outputs: dict[str, InferOutput] = {out.name: out for out in response.outputs}
    labels = [t.decode() if isinstance(t, bytes) else t for t in outputs["prediction"].as_numpy().tolist()]
    return {"labels": labels, "shares": outputs["probabilities"].as_numpy().tolist(), "id": response.id}


async def calls() -> dict[str, Any]:
    # Its own argument for a certificate is passed over where `verify` is no context, so the context holds it.
    client = InferenceRESTClient(RESTConfig(protocol="v2", verify=context(), verbose=False))
    refused = "not refused"
    try:
        await client.infer(
            URL,
            InferRequest("iris", [InferInput("x", [1, 2], "FP64", [1.0, 2.0])]),
            model_name="iris",
            headers=headers(),
        )
    except Exception as error:
        refused = str(error)
    seen = {
        "live": await client.is_server_live(URL, headers=headers()),
        "ready": await client.is_server_ready(URL, headers=headers()),
        "model": await client.is_model_ready(URL, "iris", headers=headers()),
        "answers": {
            "JSON": told(await client.infer(URL, request(binary=False), model_name="iris", headers=headers())),
            "binary": told(await client.infer(URL, request(binary=True), model_name="iris", headers=headers())),
        },
        "refused": refused,
    }
    await client.close()
    return seen


print(json.dumps(asyncio.run(calls())))
