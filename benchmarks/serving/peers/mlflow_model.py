"""Write the forest as a model of MLflow's, with a signature: mlflow_model.py MODEL FOLDER COLUMN..."""

import sys

import mlflow.xgboost
import xgboost as xgb
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

model, folder, *columns = sys.argv[1:]
booster = xgb.Booster({"nthread": 1})
booster.load_model(model)
signature = ModelSignature(
    Schema([ColSpec(DataType.float, name) for name in columns]), Schema([ColSpec(DataType.float)])
)
mlflow.xgboost.save_model(booster, folder, pip_requirements=[])
