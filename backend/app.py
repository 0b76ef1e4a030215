"""The composition of the platform's parts into one Flask app; it holds no rule of its own."""

import atexit

from flask import Flask, Response, g, request

from backend.api import access, caller, observing, problem, routing, secure_headers
from backend.api.catalog import ENDPOINTS
from backend.api.express import Express
from backend.api.platform import Platform
from backend.api.request_id import request_id_of
from backend.audit import journal
from backend.database import db
from backend.datasets.sweeping import sweep
from backend.listener.express import ExpressApp
from backend.monitoring.access_log import AccessLog
from backend.monitoring.clock import ClockWatch
from backend.monitoring.exposition import Exposition
from backend.monitoring.metrics import Metrics
from backend.monitoring.minutes import Minutes
from backend.monitoring.pulse import Pulse
from backend.monitoring.state import State
from backend.monitoring.telling import Teller
from backend.monitoring.tracing import find_tracing
from backend.monitoring.traffic import Traffic
from backend.records.log import RecordLog
from backend.serving.prediction_ids import PredictionIds
from backend.serving.shelf import Shelf
from backend.settings import VERSION, Settings
from backend.storage import create_storage


def create_app(settings: Settings) -> Flask:
    """The whole API over one database."""
    app = create_storage(settings, threads=settings.server_threads)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    caller.install(app, settings)
    problem.install(app)
    secure_headers.install(app)
    app.before_request(_begin)
    access.install(app, settings)
    app.after_request(_end)
    app.teardown_request(_leave)
    app.extensions["signet"] = _platform(app, settings)
    routing.install(app, ENDPOINTS)
    return app


def start_app(settings: Settings) -> ExpressApp:
    """The API as a server process runs it: from now on it follows the aliases. Not before a fork."""
    app = create_app(settings)
    with app.app_context():
        sweep(settings)
    platform: Platform = app.extensions["signet"]
    platform.shelf.start()
    platform.pulse.start()
    atexit.register(platform.pulse.stop)
    platform.records.start()
    atexit.register(platform.records.stop)
    platform.teller.start()
    atexit.register(platform.teller.stop)
    return with_express(app)


def with_express(app: Flask) -> ExpressApp:
    """The API, and the way beside Flask that predictions take."""
    return ExpressApp(app, Express(app.extensions["signet.gate"], app.extensions["signet"]))


def _platform(app: Flask, settings: Settings) -> Platform:
    shelf = Shelf(settings, app.app_context)
    traffic = Traffic(shelf.knows)
    teller, clock = _teller(settings), ClockWatch()
    records = RecordLog(settings)
    metrics = Metrics(traffic, lambda: teller.dropped, records)
    shelf.on_swap = lambda swap: metrics.count_swap(swap.model, swap.result)
    with app.app_context():
        metrics.count_database_errors(db.engine)
        minutes = Minutes(db.engine)
    pulse = Pulse(traffic, minutes, settings.traffic_days, [metrics.add], [metrics.sample, clock.check])
    exposition = Exposition(metrics, State(settings, shelf, clock, VERSION), pulse.take)
    return Platform(settings, shelf, traffic, pulse, teller, exposition, PredictionIds.open(settings), records)


def _teller(settings: Settings) -> Teller:
    log = [] if settings.access_log == "none" else [AccessLog(settings.log_format).write]
    tracing = find_tracing(settings, "signet-api", VERSION)
    return Teller(log) if tracing is None else Teller([*log, tracing.write], [tracing.stop])


def _begin() -> None:
    observing.begin()
    g.request_id = request_id_of(request.headers.get("X-Request-Id"))
    journal.enter(address=caller.caller_address(), request_id=g.request_id)


def _end(response: Response) -> Response:
    journal.settle()
    response.headers["X-Request-Id"] = g.get("request_id", "")
    observing.end(response)
    return response


def _leave(_error: BaseException | None) -> None:
    journal.leave()
    observing.leave()
