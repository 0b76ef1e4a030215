"""The sums of predictions, minute by minute."""

from sqlalchemy import BigInteger, Column, Float, Integer, String
from sqlalchemy import Table as Schema

from backend.database import Table
from backend.monitoring.latency import BUCKETS

# One column for each bucket between the bounds of `latency.py`: to change those is to change this table.
LATENCY = tuple(f"latency_{bucket}" for bucket in range(BUCKETS))

# `minute` counts from the beginning of 1970, UTC. `status` is the first digit of the answers' statuses. A process writes rows of its
# own, told apart by `writer`, and each time the whole sum: what is written twice is not counted twice.
KEY = ("minute", "model", "version", "protocol", "caller", "status", "writer")
SUMS = ("requests", "rows", "seconds", *LATENCY)

traffic = Schema(
    "traffic",
    Table.metadata,
    Column("minute", Integer, primary_key=True, autoincrement=False),
    Column("model", String(63), primary_key=True),
    Column("version", String(16), primary_key=True),
    Column("protocol", String(16), primary_key=True),
    Column("caller", String(64), primary_key=True),
    Column("status", Integer, primary_key=True, autoincrement=False),
    Column("writer", String(16), primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    *(Column(name, Integer, nullable=False) for name in LATENCY),
)
