"""What the benchmark needs beside this project: each peer in a virtual environment of its own, and the load generator."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = ("fastapi", "mlflow", "mlserver", "bentoml", "litserve")


def cache() -> Path:
    """Outside the repository, and kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "signet-benchmarks"


def peer_python(name: str) -> Path:
    """The interpreter of that peer's environment, made anew where its requirements have changed since."""
    wanted = _digest(HERE / "requirements" / f"{name}.txt", HERE / "requirements" / "overrides.txt")
    folder = cache() / name
    marker, python = folder / ".installed", folder / "bin" / "python"
    if not marker.exists() or marker.read_text("utf-8") != wanted:
        print(f"Installing {name} into {folder} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(Path(sys.executable).with_name("uv"))
        requirements = [f"requirements/{name}.txt", "--override", "requirements/overrides.txt"]
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), "-r", *requirements])
        marker.write_text(wanted, "utf-8")
    return python


def py_spy() -> Path:
    """The program py-spy, which looks into a running Python process."""
    return peer_python("tools").with_name("py-spy")


def load_generator() -> Path:
    """The program made from `load.c`."""
    source = HERE / "load.c"
    program = cache() / f"load-{_digest(source)[:12]}"
    if not program.exists():
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("The load generator needs a C compiler and OpenSSL's headers (Debian: gcc, libssl-dev).")
        program.parent.mkdir(parents=True, exist_ok=True)
        _run([compiler, "-O2", "-o", str(program), str(source), "-lssl", "-lcrypto"])
    return program


def nginx() -> str:
    """The program nginx, which is not always on the path of people."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit("The proxied mode needs nginx (Debian: nginx-light).")
    return found


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join([*(file.read_bytes() for file in files), sys.version.encode()])).hexdigest()


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, cwd=HERE)
