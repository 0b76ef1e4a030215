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


def customers(rows: int = 2400, seed: int = 11) -> bytes:
    """Who left a telephone company, and what was known of them before."""
    chance = np.random.default_rng(seed)
    contract = chance.choice(["monthly", "one year", "two years"], rows, p=[0.55, 0.25, 0.2])
    months = np.clip(chance.gamma(2.0, 14, rows), 1, 96).astype(int)
    charge = np.round(chance.normal(62, 18, rows).clip(12), 2)
    calls = chance.poisson(1.1 + 1.6 * (contract == "monthly"), rows)
    internet = chance.choice(["fibre", "copper", None], rows, p=[0.5, 0.38, 0.12])
    leaning = -2.3 + 1.7 * (contract == "monthly") - 0.035 * months + 0.02 * (charge - 60) + 0.42 * calls
    left = chance.random(rows) < 1 / (1 + np.exp(-leaning))
    frame = pd.DataFrame(
        {
            "customer": [f"C{number:05d}" for number in range(rows)],
            "contract": contract,
            "months": months,
            "monthly_charge": charge,
            "support_calls": calls,
            "internet": internet,
            "paperless": chance.random(rows) < 0.6,
            "joined": pd.Timestamp("2026-10-01") - pd.to_timedelta(months * 30, unit="D"),
            "churned": np.where(left, "yes", "no"),
        }
    )
    return frame.to_csv(index=False).encode()


def pumps(rows: int = 1800, seed: int = 7) -> bytes:
    """Pumps of a waterworks: what their sensors say, and the condition in which a mechanic found them."""
    chance = np.random.default_rng(seed)
    hours = np.round(chance.uniform(50, 9000, rows), 0)
    vibration = np.round(chance.gamma(2.2, 0.9, rows) + hours / 6000, 3)
    heat = np.round(chance.normal(58, 6, rows) + hours / 900, 2)
    wear = 0.0004 * hours + 0.55 * vibration + 0.08 * (heat - 60) + chance.normal(0, 0.5, rows)
    condition = np.select([wear < 2.4, wear < 4.0], ["good", "worn"], "replace")
    remarks = [f"Inspected, reading {value:.3f}, see sheet {number}" for number, value in enumerate(vibration)]
    frame = pd.DataFrame(
        {
            "site": chance.choice(["north", "harbour", "hill", "south"], rows),
            "running_hours": hours,
            "vibration_mm_s": vibration,
            "temperature_c": heat,
            "pressure_bar": np.where(chance.random(rows) < 0.04, np.nan, np.round(chance.normal(6.2, 0.4, rows), 2)),
            "remark": remarks,
            "condition": condition,
        }
    )
    return frame.to_csv(index=False).encode()
