"""Where the time of our own server goes: which process is the bound, and which code in it."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import psutil

from benchmarks.serving.installing import py_spy
from benchmarks.serving.measuring import Plan, measure
from benchmarks.serving.servers import Running, Server

_CONNECTIONS, _SHOWN, _RATE = 16, 12, 400
# Frames that nearly every sample is in say nothing.
_FRAME = 0.9


def profile(running: Running, servers: Sequence[Server], plan: Plan) -> None:
    """Each question over 16 connections: how busy each process was, then what the busiest Python one was at."""
    for server in servers:
        for case in server.asks:
            _profile(running, server, case, plan)


def _profile(running: Running, server: Server, case: str, plan: Plan) -> None:
    processes = running.processes(server)
    before = {process: process.cpu_times() for process in processes}
    figures = measure(running, server, case, _CONNECTIONS, plan)
    seconds = plan.seconds + plan.warm_up
    spent = {p: (p.cpu_times().user - t.user, p.cpu_times().system - t.system) for p, t in before.items()}
    print(f"\n## {server.name}, {case}, {_CONNECTIONS} connections: {figures.rate:,.0f} requests a second")
    print(f"\nOther programs used {figures.others_cpu:.2f} processors meanwhile.\n")
    print("| process | on processor | busy | of which in the kernel |\n|---|---|---|---|")
    for process, (user, system) in sorted(spent.items(), key=lambda pair: -sum(pair[1])):
        if user + system > 0.02 * seconds:
            on = ", ".join(map(str, process.cpu_affinity()))
            print(f"| {process.name()} | {on} | {(user + system) / seconds:.0%} | {system / seconds:.0%} |")
    print(f"| load generator | {', '.join(map(str, plan.cpus))} | {figures.load_cpu:.0%} | |")
    stacks = _stacks(
        running, server, case, plan, max((p for p in spent if "nginx" not in p.name()), key=lambda p: sum(spent[p]))
    )
    total = sum(stacks.values())
    print(
        f"\nThe interpreter's lock was held {total / (_RATE * _whole(plan)):.0%} of the time: the rest is native code and the kernel."
    )
    _show("Python code, by whose it is", _counted(stacks, lambda stack: {_owner(stack[-1])}), total)
    _show(
        "Python code, in this function and what it calls",
        _counted(stacks, lambda stack: set(map(_function, stack))),
        total,
    )
    _show("Python code, in this function itself", _counted(stacks, lambda stack: {_function(stack[-1])}), total)


def _whole(plan: Plan) -> int:
    """py-spy knows whole seconds."""
    return max(1, int(plan.seconds))


def _stacks(
    running: Running, server: Server, case: str, plan: Plan, process: psutil.Process
) -> Counter[tuple[str, ...]]:
    """Samples of the thread that held the interpreter's lock, outermost frame first."""
    path = plan.folder / "stacks.txt"
    argv = [str(py_spy()), "record", "--pid", str(process.pid), "--duration", str(_whole(plan)), "--rate", str(_RATE)]
    argv += ["--gil", "--full-filenames", "--format", "raw", "--output", str(path)]
    load = threading.Thread(target=measure, args=(running, server, case, _CONNECTIONS, plan))
    load.start()
    time.sleep(plan.warm_up)
    subprocess.run(argv, check=True, capture_output=True)
    load.join()
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in path.read_text("utf-8").splitlines():
        frames, _, count = line.rpartition(" ")
        stacks[tuple(frames.split(";"))] += int(count)
    return stacks


def _function(frame: str) -> str:
    """`name (/long/path/to/file.py:12)` as `name (to/file.py)`: the line of a sample says little."""
    name, _, place = frame.partition(" (")
    path = place.rpartition(":")[0] or place
    return f"{name} ({'/'.join(path.split('/')[-2:])})"


def _owner(frame: str) -> str:
    """The room of ours, or the library, whose code it is."""
    place = frame.partition(" (")[2].partition(":")[0]
    if "/site-packages/" in place:
        return place.partition("/site-packages/")[2].partition("/")[0]
    if "/backend/" in place:
        return "backend/" + place.rpartition("/backend/")[2].partition("/")[0]
    return "standard library: " + place.rpartition("/")[2]


def _counted(stacks: Counter[tuple[str, ...]], names: Callable[[tuple[str, ...]], Iterable[str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for stack, count in stacks.items():
        found.update(dict.fromkeys(names(stack), count))
    return found


def _show(title: str, found: Counter[str], total: int) -> None:
    print(f"\n| share | {title} |\n|---|---|")
    telling = [(name, count) for name, count in found.most_common() if count < _FRAME * total or len(found) == 1]
    for name, count in telling[:_SHOWN]:
        print(f"| {count / (total or 1):.0%} | `{name}` |")
