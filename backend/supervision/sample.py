"""The model that a first start trains, so that the first prediction needs no upload."""

import csv
import io

from sklearn.datasets import load_iris

from backend.datasets.store import create_dataset
from backend.settings import Settings
from backend.training.jobs import Wish, create_job

NAME = "iris"
TARGET = "species"
_ACTOR = "platform"


def enqueue(settings: Settings) -> None:
    """Store the dataset and queue its training; the caller commits."""
    dataset = create_dataset(settings, _ACTOR, NAME, io.BytesIO(iris_csv()), f"{NAME}.csv")
    create_job(_ACTOR, dataset, Wish(target=TARGET, model=NAME))


def iris_csv() -> bytes:
    """Fisher's 150 flowers: four measures in centimetres, and the species by name."""
    flowers = load_iris()
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([*flowers.feature_names, TARGET])
    for measures, species in zip(flowers.data, flowers.target, strict=True):
        lines.writerow([*measures, flowers.target_names[species]])
    return text.getvalue().encode()
