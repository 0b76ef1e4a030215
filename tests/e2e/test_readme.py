"""The README's path is run as text: what is printed there is what happens."""

import subprocess
from pathlib import Path

from tests.e2e.running import ROOT, Platform
from tests.walkthrough import script_of, steps_of, verify_printed

_HEADING = "## From a table to a prediction with curl"


def test_the_worked_path_does_what_it_says(platform: Platform, tmp_path: Path) -> None:
    steps = steps_of((ROOT / "README.md").read_text().split(_HEADING)[1].split("\n## ")[0])
    assert len(steps) >= 6
    script = script_of(steps).replace("https://localhost:8443", platform.api_url).replace("/tmp/", f"{tmp_path}/")
    script = script.replace("certs/", f"{platform.home}/certs/")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=platform.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    verify_printed(steps, done.stdout)
