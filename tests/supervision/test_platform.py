"""Real processes under the supervisor: restarted, shown, stopped in order, and never left behind."""

import os
import re
import signal
import stat
from pathlib import Path

from tests.supervision.conftest import is_running, wait_until_gone

# Says who it and its child are, then waits; tells when it is asked to stop.
CHATTER = """
import os, signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
def stop(*_):
    print("asked to stop", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("pid", os.getpid(), "child", child.pid, "threads", os.environ["OMP_NUM_THREADS"], flush=True)
while True:
    time.sleep(600)
"""
CRASH = "print('no such table: jobs'); raise SystemExit(3)"
DONE = "print('All is ready')"
PIDS = r"pid (\d+) child (\d+)"


def chatter(name, priority, **more):
    return {"name": name, "script": CHATTER, "priority": priority, **more}


def task(script=DONE):
    return {"name": "ready", "script": script, "priority": 900, "once": True}


def pids(running, count):
    return [int(pid) for pair in running.wait_for(PIDS, times=count) for pid in pair]


def test_lines_stand_under_aligned_names(start):
    running = start(chatter("api", 1), chatter("worker", 2), task())
    pids(running, 2)
    running.wait_for("^All is ready$")
    assert re.search(r"^api    \| pid \d+", running.text, re.MULTILINE)
    assert re.search(r"^worker \| pid \d+", running.text, re.MULTILINE)


def test_stops_in_reverse_order_each_after_the_other_has_ended(start):
    running = start(chatter("first", 1), chatter("second", 2), chatter("third", 3))
    everybody = pids(running, 3)
    assert running.stop(signal.SIGINT) == 0
    told = re.findall(r"stopping (\w+)|^(\w+) +\| asked to stop", running.text, re.MULTILINE)
    assert ["".join(words) for words in told] == ["third", "third", "second", "second", "first", "first"]
    wait_until_gone(*everybody)


def test_closed_terminal_stops_the_platform(start):
    running = start(chatter("api", 1))
    everybody = pids(running, 1)
    assert running.stop(signal.SIGHUP) == 0
    wait_until_gone(*everybody)


def test_killed_process_is_started_again_and_its_child_removed(start):
    running = start(chatter("worker", 1))
    killed, child = pids(running, 1)
    os.kill(killed, signal.SIGKILL)
    again = pids(running, 2)[2:]
    assert all(map(is_running, again))
    wait_until_gone(killed, child)
    assert "worker ended soon after its start; starting it again" in running.text


def test_nothing_outlives_a_killed_supervisor(start):
    running = start(chatter("api", 1), chatter("worker", 2))
    found = running.wait_for(PIDS, times=2)
    running.process.kill()
    running.process.wait()
    wait_until_gone(*(int(role) for role, _ in found))
    for _, child in found:  # the stand-in's child has no tie of its own, as a role's children must
        os.kill(int(child), signal.SIGKILL)


def test_stubborn_process_is_killed_when_its_time_is_over(start):
    script = CHATTER.replace("sys.exit(0)", "pass")
    running = start({"name": "api", "script": script, "priority": 1, "stop_seconds": 1})
    everybody = pids(running, 1)
    assert running.stop() == 0
    wait_until_gone(*everybody)


def test_platform_that_cannot_start_says_why_and_gives_up(start):
    running = start(chatter("mlflow", 1), {"name": "api", "script": CRASH, "priority": 2})
    assert running.process.wait(30) == 1
    assert "api ended 3 times within a minute. Its last lines, also in data/logs/api.log:" in running.text
    assert re.search(r"^signet \|   no such table: jobs$", running.text, re.MULTILINE)
    assert "the platform could not be started; stopping it" in running.text


def test_failed_readiness_stops_everything(start):
    running = start(chatter("api", 1), task("print('MLflow does not answer'); raise SystemExit(1)"))
    assert running.process.wait(30) == 1
    assert "MLflow does not answer" in running.text


def test_ready_platform_keeps_trying(start):
    running = start(chatter("api", 1), task())
    running.wait_for("^All is ready$")
    for count in (1, 2, 3):
        pid = running.wait_for(r"pid (\d+) child", times=count)[-1]
        os.kill(int(pid), signal.SIGKILL)
    running.wait_for("api ended 3 times within a minute")
    running.wait_for(PIDS, times=4)
    assert running.process.poll() is None


def test_native_threads_are_capped_by_role(start):
    running = start(chatter("api", 1, threads=3))
    running.wait_for("threads 3$")


def test_logs_are_kept_for_the_owner_alone_and_without_what_the_task_said(start, tmp_path):
    running = start(chatter("api", 1), task("print('password: hunter2')"))
    running.wait_for("password: hunter2")
    pids(running, 1)
    running.stop()
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {"api.log", "supervisor.log"} <= {path.name for path in files}
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in (tmp_path / "data").rglob("*"))
    assert "asked to stop" in (tmp_path / "data/logs/api.log").read_text()
    assert not any("hunter2" in path.read_text() for path in (tmp_path / "data/logs").iterdir())


def test_home_with_signs_that_mean_something_to_the_configuration(start, tmp_path):
    home = tmp_path / "50% of my #1; 'home' %(here)s"
    running = start(chatter("api", 1), home=home)
    pids(running, 1)
    assert running.stop() == 0
    assert (home / "data/logs/api.log").exists()


def test_second_start_on_the_same_home_names_the_first(start, tmp_path):
    first = start(chatter("api", 1))
    pids(first, 1)
    second = start(chatter("api", 1))
    assert second.process.wait(30) == 2
    assert f"already runs on {tmp_path} (process {first.process.pid})" in second.text


def test_home_of_a_killed_platform_can_be_used_at_once(start, tmp_path: Path):
    first = start(chatter("api", 1))
    child = pids(first, 1)[1]
    first.process.kill()
    first.process.wait()
    second = start(chatter("api", 1))
    pids(second, 1)
    assert second.stop() == 0
    os.kill(child, signal.SIGKILL)
