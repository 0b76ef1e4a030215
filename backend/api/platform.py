"""What a view may ask for besides the request: the settings and what the process holds in memory."""

from dataclasses import dataclass

from flask import current_app

from backend.monitoring.exposition import Exposition
from backend.monitoring.pulse import Pulse
from backend.monitoring.telling import Teller
from backend.monitoring.traffic import Traffic
from backend.records.log import RecordLog
from backend.serving.prediction_ids import PredictionIds
from backend.serving.shelf import Shelf
from backend.settings import Settings


@dataclass(frozen=True)
class Platform:
    """The parts of the running process."""

    settings: Settings
    shelf: Shelf
    traffic: Traffic
    pulse: Pulse
    teller: Teller
    exposition: Exposition
    prediction_ids: PredictionIds
    records: RecordLog


def current_platform() -> Platform:
    """The parts of the process that answers this request."""
    platform: Platform = current_app.extensions["signet"]
    return platform
