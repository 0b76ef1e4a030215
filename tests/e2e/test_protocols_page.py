"""The page on prediction protocols is run as text: what is printed there is what happens."""

import re
import subprocess
from pathlib import Path

from tests.e2e.running import ROOT, Platform

_BLOCK = re.compile(r"^```(sh|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CUT = "---8<---"


def test_the_examples_do_what_they_say(platform: Platform, tmp_path: Path) -> None:
    steps: list[tuple[str, str | None]] = []
    for kind, text in _BLOCK.findall((ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")):
        if kind == "sh":
            steps.append((text, None))
        else:
            steps[-1] = (steps[-1][0], text)
    assert sum(said is not None for _, said in steps) >= 5
    script = "set -euo pipefail\n" + f"\necho '{_CUT}'\n".join(command for command, _ in steps)
    script = script.replace("https://localhost:8443", platform.api_url).replace("certs/", f"{platform.home}/certs/")
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    outputs = [part.strip() for part in done.stdout.split(_CUT)]
    for (command, said), output in zip(steps, outputs, strict=True):
        if said is not None:
            assert output == said.strip(), f"{command}\nprinted\n{output}\ninstead of\n{said}"
