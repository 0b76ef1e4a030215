"""The whole API, and how many predictions went beside Flask: `python -m tests.server.counted <home> <port>`."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.app import start_app
from backend.listener.express import Answer, Asked, Call, Express, ExpressApp, Later
from backend.server.application import serve
from backend.settings import Settings

PATH = "/answered-beside-flask"


class Counting:
    """What answers beside Flask; counted by whether the loop asked it or a thread."""

    def __init__(self, express: Express) -> None:
        self._express = express
        self.answered: Counter[str] = Counter()

    def look(self, head: Mapping[str, Any]) -> "_Asked | None":
        asked = self._express.look(head)
        return None if asked is None else _Asked(asked, self.answered)


@dataclass(frozen=True)
class _Asked:
    asked: Asked
    answered: Counter[str]

    def begin(self, certificate: bytes | None) -> "_Call | None":
        call = self.asked.begin(certificate)
        return None if call is None else _Call(call, self.answered)


@dataclass(frozen=True)
class _Call:
    call: Call
    answered: Counter[str]

    def __call__(self, body: bytes) -> Answer | None:
        answer = self.call(body)
        self.answered["thread"] += answer is not None
        return answer

    def at_once(self, body: bytes) -> Answer | Later | None:
        answer = self.call.at_once(body)
        self.answered["loop"] += isinstance(answer, Answer)
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
