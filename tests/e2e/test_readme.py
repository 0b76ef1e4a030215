"""The README's path is run as text: what is printed there is what happens."""

import re
import subprocess
from pathlib import Path

from tests.e2e.running import ROOT, Platform

_BLOCK = re.compile(r"^```(sh|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = "## From a table to a prediction with curl"
_CUT = "---8<---"


def _steps() -> list[tuple[str, str | None]]:
    """Each shell block of the section and what is said to come out of it."""
    section = (ROOT / "README.md").read_text().split(_HEADING)[1].split("\n## ")[0]
    steps: list[tuple[str, str | None]] = []
    for kind, text in _BLOCK.findall(section):
        if kind == "sh":
            steps.append((text, None))
        else:
            steps[-1] = (steps[-1][0], text)
    return steps


def _expected(text: str) -> str:
    """Numbers of a trained model differ in their digits and ids in all of them; everything else is literal."""
    pattern = re.escape(text.strip())
    pattern = pattern.replace(re.escape('"..."'), '"[0-9a-f-]{36}"')
    return re.sub(r"\d+\\\.\d+", r"\\d+(\\.\\d+)?(e-\\d+)?", pattern)


def test_the_worked_path_does_what_it_says(platform: Platform, tmp_path: Path) -> None:
    steps = _steps()
    assert len(steps) >= 6
    script = "set -euo pipefail\n" + f"\necho '{_CUT}'\n".join(command for command, _ in steps)
    script = script.replace("https://localhost:8443", platform.api_url).replace("/tmp/", f"{tmp_path}/")
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
    outputs = [part.strip() for part in done.stdout.split(_CUT)]
    for (command, said), output in zip(steps, outputs, strict=True):
        if said is not None:
            assert re.fullmatch(_expected(said), output), f"{command}\nprinted\n{output}\ninstead of\n{said}"
