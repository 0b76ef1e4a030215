"""The OpenAPI document of one model: its columns as the fields of a row, its classes as the answer."""

from typing import Any

from backend.algorithms.signature import Signature
from backend.api import predict
from backend.api.openapi import OF_BOTH, PROBLEM, SECURITY_SCHEMES, parameters, refusals
from backend.serving.models import class_name


def model_document(model: str, version: str, signature: Signature) -> dict[str, Any]:
    """OpenAPI 3.1 for `POST /v1/models/{model}/predict` with this version's own row."""
    row = {key: value for key, value in signature.row_schema().items() if key != "$schema"}
    request = {
        "type": "object",
        "required": ["features"],
        "additionalProperties": False,
        "properties": {"features": _features(row, signature)},
    }
    endpoint = next(endpoint for endpoint in predict.endpoints.listed if "{model}" in endpoint.path)
    operation = {
        "operationId": "predict",
        "summary": f"Predict '{signature.target}'",
        "parameters": [parameter for parameter in parameters(endpoint) if parameter["in"] == "query"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {"200": {"description": "The prediction", "content": _json(_answer(signature))}}
        | refusals(endpoint),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Model {model}", "version": version},
        "security": OF_BOTH,
        "paths": {f"/v1/models/{model}/predict": {"post": operation}},
        "components": {"schemas": {"Row": row, "Problem": PROBLEM}, "securitySchemes": SECURITY_SCHEMES},
    }


def _features(row: dict[str, Any], signature: Signature) -> dict[str, Any]:
    by_name = {"$ref": "#/components/schemas/Row"}
    in_order = {
        "type": "array",
        "prefixItems": [row["properties"][column.name] for column in signature.columns],
        "minItems": len(signature.columns),
        "maxItems": len(signature.columns),
    }

    def many(row: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "items": row}

    return {
        "description": "One row, by name or in the order of the columns; or a list of such rows",
        "anyOf": [by_name, in_order, many(by_name), many(in_order)],
        "examples": [signature.example],
    }


def _answer(signature: Signature) -> dict[str, Any]:
    if signature.task == "regression":
        prediction: dict[str, Any] = {"type": "number"}
        own: dict[str, Any] = {"prediction": prediction}
    else:
        prediction = {"enum": list(signature.classes)}
        names = [class_name(label) for label in signature.classes]
        probabilities = {
            "type": "object",
            "properties": {name: {"type": "number", "minimum": 0, "maximum": 1} for name in names},
            "required": names,
            "additionalProperties": False,
        }
        own = {"prediction": prediction, "probabilities": probabilities}
    common = {"model": {"type": "string"}, "version": {"type": "string"}, "prediction_id": {"type": "string"}}
    many = {
        f"{name}s" if name == "prediction" else name: {"type": "array", "items": part} for name, part in own.items()
    }
    return {
        "anyOf": [
            {"type": "object", "required": [*own, *common], "properties": own | common},
            {"type": "object", "required": [*many, *common], "properties": many | common},
        ]
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
