"""All metrics as text: the processes' own and the platform's state, in the form that the collector asks for."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from backend.monitoring.metrics import Metrics
from backend.monitoring.process_files import shared_folder
from backend.monitoring.state import State


class Exposition:
    """What `GET /metrics` answers; `refresh` brings what this process counts up to this moment."""

    def __init__(self, metrics: Metrics, state: State, refresh: Callable[[], None]) -> None:
        self._metrics, self._state, self._refresh = metrics, state, refresh

    def render(self, accept: str) -> tuple[bytes, str]:
        """The text and its media type: OpenMetrics where `accept` asks for it, Prometheus' own otherwise."""
        self._refresh()
        encode, media_type = choose_encoder(accept)
        folder, state = shared_folder(), CollectorRegistry()
        state.register(self._state)
        if folder is None:
            state.register(self._metrics.registry)  # a registry can be collected from too
        else:
            state.register(self._metrics.predictions)
            MultiProcessCollector(state, str(folder))  # type: ignore[no-untyped-call]
        return encode(state), media_type
