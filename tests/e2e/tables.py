"""Tables to learn from, made of chance with a seed: nobody's data, and the same every time."""

from __future__ import annotations

import numpy as np
import pandas as pd

PORTS = {"S": "Southampton", "C": "Cherbourg", "Q": "Queenstown"}
CLASSES = ["First", "Second", "Third"]


def passengers(rows: int = 891, seed: int = 4) -> bytes:
    """A CSV file with the columns of the well-known table of passengers: gaps, and columns that say the same twice."""
    chance = np.random.default_rng(seed)
    pclass = chance.choice([1, 2, 3], rows, p=[0.24, 0.21, 0.55])
    sex = chance.choice(["male", "female"], rows, p=[0.65, 0.35])
    age = np.round(np.clip(chance.normal(38 - 4 * pclass, 13), 0.5, 80), 1)
    sibsp, parch = chance.poisson(0.5, rows), chance.poisson(0.4, rows)
    fare = np.round(chance.lognormal(5.1 - 0.85 * pclass, 0.5), 4)
    port = chance.choice(list(PORTS), rows, p=[0.72, 0.19, 0.09])
    leaning = 1.6 + 2.6 * (sex == "female") - 1.15 * pclass - 0.025 * age - 0.3 * sibsp
    survived = (chance.random(rows) < 1 / (1 + np.exp(-leaning))).astype(int)
    frame = pd.DataFrame(
        {
            "survived": survived,
            "pclass": pclass,
            "sex": sex,
            "age": np.where(chance.random(rows) < 0.2, np.nan, age),
            "sibsp": sibsp,
            "parch": parch,
            "fare": fare,
            "embarked": port,
            "class": [CLASSES[number - 1] for number in pclass],
            "who": np.where(age < 16, "child", np.where(sex == "male", "man", "woman")),
            "deck": np.where(chance.random(rows) < 0.77, None, chance.choice(list("ABCDEFG"), rows)),
            "embark_town": [PORTS[letter] for letter in port],
            "alive": np.where(survived == 1, "yes", "no"),
            "alone": (sibsp + parch) == 0,
        }
    )
    return frame.to_csv(index=False).encode()
