"""KServe's inference client. Arguments: port, CA file; the token is read from standard input."""

import asyncio
import json
import ssl
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferOutput, InferRequest, RESTConfig

PORT, CA = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {sys.stdin.read().strip()}"}
URL = f"https://localhost:{PORT}"
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
    context = ssl.create_default_context(cafile=CA)
    client = InferenceRESTClient(RESTConfig(protocol="v2", verify=context, verbose=False))
    refused = "not refused"
    try:
        await client.infer(
            URL, InferRequest("iris", [InferInput("x", [1, 2], "FP64", [1.0, 2.0])]), model_name="iris", headers=HEADERS
        )
    except Exception as error:
        refused = str(error)
    seen = {
        "live": await client.is_server_live(URL, headers=HEADERS),
        "ready": await client.is_server_ready(URL, headers=HEADERS),
        "model": await client.is_model_ready(URL, "iris", headers=HEADERS),
        "answers": {
            "JSON": told(await client.infer(URL, request(binary=False), model_name="iris", headers=HEADERS)),
            "binary": told(await client.infer(URL, request(binary=True), model_name="iris", headers=HEADERS)),
        },
        "refused": refused,
    }
    await client.close()
    return seen


print(json.dumps(asyncio.run(calls())))
