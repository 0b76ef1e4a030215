"""A bundle as a model that plain MLflow loads: a folder in MLflow's own format (`MLmodel`, flavour `python_function`).

Written here instead of by MLflow, whose import costs seconds and hundreds of megabytes in each worker. JSON is YAML, so the files
that MLflow reads as YAML are JSON.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from backend.algorithms.catalog import ALGORITHMS, GROUP
from backend.algorithms.manifest import Manifest
from backend.algorithms.signature import Column, Label, Signature
from backend.registry.loadable import MANIFEST_FILE
from backend.settings import REPOSITORY

BUNDLE = "bundle"
_LOADER = "signet_version"
_NEEDED = ("llvmlite", "mlflow", "numpy", "pandas", "pyarrow", "pydantic", "scikit-learn", "xgboost")
_TYPES = {"integer": "long", "number": "double", "boolean": "boolean", "category": "string", "datetime": "datetime"}


def write_model(folder: Path, bundle: Path, manifest: Manifest, signature: Signature, *, python: str) -> None:
    """Fill an empty folder with the model; `python` is the version that it was trained with."""
    shutil.copytree(bundle, folder / BUNDLE)
    _write_json(folder / MANIFEST_FILE, manifest.to_json())
    _write_json(folder / "MLmodel", _description(signature, manifest, python))
    _write_json(folder / "python_env.yaml", {"python": python, "dependencies": ["-r requirements.txt"]})
    (folder / "requirements.txt").write_text("\n".join(_requirements(signature.algorithm)) + "\n", "utf-8")
    split = {"columns": list(signature.example), "data": [list(signature.example.values())]}
    _write_json(folder / "input_example.json", split)
    _write_json(folder / "serving_input_example.json", {"dataframe_split": split})
    _copy_code(folder / "code")


def _description(signature: Signature, manifest: Manifest, python: str) -> dict[str, Any]:
    flavour = {
        "loader_module": _LOADER,
        "data": BUNDLE,
        "code": "code",
        "env": {"virtualenv": "python_env.yaml"},
        "python_version": python,
    }
    return {
        "flavors": {"python_function": flavour},
        "mlflow_version": version("mlflow"),
        "signature": {name: json.dumps(value) for name, value in _signature(signature).items()},
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
        "metadata": {"signet.digest": manifest.digest, "signet.algorithm": signature.algorithm},
    }


def _signature(signature: Signature) -> dict[str, list[dict[str, Any]]]:
    inputs = [{"name": column.name, "type": _input_type(column), "required": True} for column in signature.columns]
    output = {"name": signature.target, "type": _output_type(signature.classes), "required": True}
    asked = {"name": "probabilities", "dtype": "boolean", "default": False, "shape": None, "type": "boolean"}
    return {"inputs": inputs, "outputs": [output], "params": [asked] if signature.classes else []}


def _input_type(column: Column) -> str:
    """MLflow's type of a column; its long and boolean have no missing value, so there a wider one stands."""
    if column.missing and column.kind == "integer":
        return "double"
    return "any" if column.missing and column.kind == "boolean" else _TYPES[column.kind]


def _output_type(classes: tuple[Label, ...]) -> str:
    names: Mapping[type, str] = {bool: "boolean", int: "long", str: "string"}
    return names[type(classes[0])] if classes else "double"


def _requirements(algorithm: str) -> list[str]:
    found = [f"{name}=={version(name)}" for name in _NEEDED]
    if algorithm in ALGORITHMS:
        return found
    offers = entry_points(group=GROUP, name=algorithm)
    return found + [f"{offer.dist.name}=={offer.dist.version}" for offer in offers if offer.dist]


def _copy_code(folder: Path) -> None:
    """The loader, and the pure rooms that it imports."""
    for source in _sources():
        target = folder / source.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    shutil.copyfile(Path(__file__).with_name("loadable.py"), folder / f"{_LOADER}.py")


def _sources() -> Iterator[Path]:
    backend = REPOSITORY / "backend"
    yield backend / "__init__.py"
    yield backend / "errors.py"
    yield from sorted((backend / "algorithms").glob("*.py"))
    yield from sorted((backend / "algorithms").glob("*.ll"))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
