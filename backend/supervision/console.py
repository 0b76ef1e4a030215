"""What the processes say, line by line, under their names."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO

import click
from rich.console import Console as Terminal

PLATFORM = "signet"
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
# A log line may hold what a stranger sent; it must not be able to steer the terminal.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST_LINE = 64 * 1024
_KEPT_LINES = 20


class Console:
    """Aligned names before every line; coloured where the stream is a terminal."""

    def __init__(self, names: Iterable[str], stream: TextIO, *, unnamed: Iterable[str] = ()) -> None:
        """`unnamed` speak without a name before their lines."""
        self._stream = stream
        self._unnamed = frozenset(unnamed)
        prefixed = [PLATFORM, *(name for name in names if name not in self._unnamed)]
        self._width = max(map(len, prefixed))
        self._colours = dict(zip(prefixed[1:], _COLOURS * len(prefixed), strict=False))
        terminal = Terminal(file=stream)
        self._coloured = terminal.is_terminal and not terminal.no_color
        self._partial: defaultdict[str, bytes] = defaultdict(bytes)
        self._last: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_KEPT_LINES))

    def relay(self, name: str, data: bytes) -> None:
        """Bytes that a process wrote, in whatever pieces they came."""
        *lines, rest = (self._partial[name] + data).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        self._partial[name] = rest
        for line in lines:
            self._line(name, line.decode("utf-8", "replace"))

    def begin(self, name: str) -> None:
        """A new run of a process: its last lines are those of this run."""
        self._last[name].clear()

    def finish(self, name: str) -> None:
        """Show what a process wrote last without ending the line."""
        if rest := self._partial.pop(name, b""):
            self._line(name, rest.decode("utf-8", "replace"))

    def say(self, text: str) -> None:
        """A line of the platform's own."""
        self._write(self._prefix(PLATFORM) + text)

    def last_lines(self, name: str) -> tuple[str, ...]:
        """The newest lines of this run of a process, oldest first."""
        return tuple(self._last[name])

    def _line(self, name: str, line: str) -> None:
        clean = _CONTROL.sub("", line.rstrip("\r"))
        self._last[name].append(clean)
        self._write(clean if name in self._unnamed else self._prefix(name) + clean)

    def _prefix(self, name: str) -> str:
        label = f"{name:<{self._width}} | "
        return click.style(label, fg=self._colours.get(name), bold=name == PLATFORM) if self._coloured else label

    def _write(self, text: str) -> None:
        # Whoever read the output may have gone; the platform stays, and the log files have it all.
        with suppress(OSError, ValueError):
            self._stream.write(f"{text}\n")
            self._stream.flush()
