"""The supervisor library's loop, with every line and every change of state told on one console."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from supervisor import events
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.states import SupervisorStates
from supervisor.supervisord import Supervisor

from backend.supervision.bell import Bell
from backend.supervision.console import Console
from backend.supervision.roles import Role
from backend.supervision.setbacks import WORRYING, Setbacks

_LONGEST_DELAY_SECONDS = 10


class Watch(Supervisor):  # type: ignore[misc]  # the library has no types
    """Keeps the roles running until asked to stop; `failed` says that they could not be brought up at all."""

    def __init__(self, options: Any, roles: Iterable[Role], console: Console) -> None:
        super().__init__(options)
        self.failed = False
        self._ready = False
        self._console = console
        self._roles = {role.name: role for role in roles}
        self._setbacks = Setbacks()

    def runforever(self) -> None:
        """The library's main loop; it returns by raising ExitNow."""
        # To the library a hang-up means "start everything anew"; to the person it is a closed terminal.
        signal.signal(signal.SIGHUP, self._on_hang_up)
        bell = Bell()
        self.options.get_socket_map()[bell.fileno()] = bell
        # The library forgets subscriptions as it starts, so this is the first moment.
        events.subscribe(events.ProcessLogEvent, self._on_log)
        events.subscribe(events.ProcessStateEvent, self._on_state)
        self._console.say(f"starting {', '.join(role.name for role in self._roles.values() if not role.once)}")
        for group in sorted(self.process_groups.values()):
            group.transition()  # else the first second passes with nothing started
        super().runforever()

    def _on_hang_up(self, _number: int, frame: FrameType | None) -> None:
        self.options.signal_receiver.receive(signal.SIGTERM, frame)

    def _on_log(self, event: Any) -> None:
        self._console.relay(event.process.config.name, event.data)

    def _on_state(self, event: Any) -> None:
        process, role = event.process, self._roles[event.process.config.name]
        match event:
            case events.ProcessStateStartingEvent():
                self._console.begin(role.name)
            case events.ProcessStateStoppingEvent() if not role.once:
                self._console.say(f"stopping {role.name}")
            case events.ProcessStateStoppedEvent():
                self._clear_away(process)
            case events.ProcessStateExitedEvent() if role.once:
                self._on_task_done(process)
            case events.ProcessStateExitedEvent() | events.ProcessStateBackoffEvent():
                self._on_death(process)

    def _on_task_done(self, process: Any) -> None:
        self._clear_away(process)
        self._ready = process.exitstatus == 0
        if not self._ready:
            self._give_up()

    def _on_death(self, process: Any) -> None:
        self._clear_away(process)
        name, at = process.config.name, time.monotonic()
        process.delay = min(process.delay, time.time() + _LONGEST_DELAY_SECONDS)
        count = self._setbacks.record(name, at)
        self._console.say(f"{name} {_end(process)}; starting it again")
        if self._setbacks.claim_report(name, at):
            self._report(name, count)
        # A platform that was never ready has a fault that trying again does not mend.
        if count >= WORRYING and not self._ready:
            self._give_up()

    def _report(self, name: str, count: int) -> None:
        self._console.say(f"{name} ended {count} times within a minute. Its last lines, also in data/logs/{name}.log:")
        for line in self._console.last_lines(name):
            self._console.say(f"  {line}")

    def _give_up(self) -> None:
        if self.options.mood > SupervisorStates.SHUTDOWN:
            self._console.say("the platform could not be started; stopping it")
            self.failed = True
            self.options.mood = SupervisorStates.SHUTDOWN

    def _clear_away(self, process: Any) -> None:
        """End what a dead process left behind in its process group: children without their parent."""
        self._console.finish(process.config.name)
        if process.pid > 0:  # 0 would mean our own group
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def watch(configuration: Path, roles: Iterable[Role], console: Console) -> bool:
    """Run the roles until SIGINT, SIGTERM or SIGHUP; False where they could not be brought up."""
    options = ServerOptions()
    options.realize(["--configuration", str(configuration)], doc="")
    options.first, options.test = True, False
    loop = Watch(options, roles, console)
    with suppress(ExitNow):
        loop.main()
    options.close_logger()
    return not loop.failed


def _end(process: Any) -> str:
    """How a process ended, in words."""
    if process.exitstatus is None:
        return "ended soon after its start"
    return "was killed" if process.exitstatus < 0 else f"ended by itself (exit code {process.exitstatus})"
