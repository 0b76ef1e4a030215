"""FastAPI tuned by hand: bytes in, orjson, one numpy array, `inplace_predict`, bytes out; no model of the body, no checks."""

import os

import numpy as np
import orjson
import xgboost as xgb
from fastapi import FastAPI, Request, Response

booster = xgb.Booster({"nthread": 1})
booster.load_model(os.environ["BENCH_MODEL"])
app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> Response:
    rows = np.array(orjson.loads(await request.body())["features"], dtype=np.float32)
    answer = booster.inplace_predict(rows)
    body = orjson.dumps({"probabilities": answer}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json")
