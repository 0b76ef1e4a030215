"""A matrix and targets come in; a fitted algorithm that predicts, and its files, go out. Pure: no Flask, database or MLflow."""
