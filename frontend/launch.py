"""How the web app is started: settings come in, the command line of Streamlit goes out.

`python -m frontend.launch` becomes that command; the working folder does not matter.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from frontend.settings import Settings, load_settings

ENTRY = Path(__file__).with_name("asgi.py")


def command(settings: Settings) -> list[str]:
    """The words to execute; what is the same everywhere is in `frontend/.streamlit/config.toml`."""
    certificate, key = settings.certificate
    return [
        *(sys.executable, "-m", "streamlit", "run", str(ENTRY)),
        f"--server.address={settings.bind}",
        f"--server.port={settings.port}",
        f"--server.sslCertFile={certificate}",
        f"--server.sslKeyFile={key}",
    ]


def main() -> None:
    """Become Streamlit, in the same process."""
    words = command(load_settings())
    os.execv(words[0], words)  # noqa: S606 - no shell, and every word is ours


if __name__ == "__main__":
    main()
