"""A page that shows shell commands and what they print comes in; it is run as one script, and what was printed is compared."""

import re
from collections.abc import Sequence

_BLOCK = re.compile(r"^```(sh|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CUT = "---8<---"

# A shell block of the page and what is said to come out of it.
Step = tuple[str, str | None]


def steps_of(page: str) -> list[Step]:
    """Each shell block, with the block of another kind that follows it."""
    steps: list[Step] = []
    for kind, text in _BLOCK.findall(page):
        if kind == "sh":
            steps.append((text, None))
        else:
            steps[-1] = (steps[-1][0], text)
    return steps


def script_of(steps: Sequence[Step]) -> str:
    """One script, which ends at the first command that fails."""
    return "set -euo pipefail\n" + f"\necho '{_CUT}'\n".join(command for command, _ in steps)


def verify_printed(steps: Sequence[Step], printed: str) -> None:
    """Each step printed what the page says; numbers with a point differ in their digits, ids (`"..."`) in all of them."""
    for (command, said), output in zip(steps, printed.split(_CUT), strict=True):
        fits = said is None or re.fullmatch(_expected(said), output.strip())
        assert fits, f"{command}\nprinted\n{output}\ninstead of\n{said}"


def _expected(text: str) -> str:
    pattern = re.escape(text.strip()).replace(re.escape('"..."'), '"[0-9A-Za-z_-]{32,36}"')
    return re.sub(r"\d+\\\.\d+", r"\\d+(\\.\\d+)?(e-\\d+)?", pattern)
