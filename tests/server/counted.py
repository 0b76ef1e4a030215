"""The whole API, and how many predictions went beside Flask: `python -m tests.server.counted <home> <port>`."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backend.app import start_app
from backend.listener.express import Answer, Call, Express, ExpressApp
from backend.server.application import serve
from backend.settings import Settings

PATH = "/answered-beside-flask"


class Counting:
    """What answers beside Flask; counted by whether the loop asked it or a thread."""

    def __init__(self, express: Express) -> None:
        self.express = express
        self.answered: Counter[str] = Counter()

    def begin(self, head: Mapping[str, Any]) -> Call | None:
        call = self.express.begin(head)
        return None if call is None else lambda body: self._count(call(body))

    def _count(self, answer: Answer | None) -> Answer | None:
        in_loop = threading.current_thread() is threading.main_thread()
        self.answered["loop" if in_loop else "thread"] += answer is not None
        return answer


def counted(settings: Settings) -> ExpressApp:
    started = start_app(settings)
    counting, flask = Counting(started.express), started.app

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] != PATH:
            return flask(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(counting.answered).encode()]

    return ExpressApp(app, counting)


if __name__ == "__main__":
    home, port = sys.argv[1:]
    serve(Settings(home=Path(home), port=int(port), server_threads=8, mlflow_port=1), counted)
