"""A platform of its own for the benchmark: trained through the front door, with one subscriber who has a certificate."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from numpy.typing import NDArray

from backend.settings import Settings
from backend.training.presence import is_worker_present
from benchmarks.serving.data import COLUMNS, DEPTH, TARGET, TREES, write_table
from benchmarks.serving.servers import Tls, end, environment, free_port, wait_until

MODEL = "forest"
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """A folder of state, and the environment of every process of this platform."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SIGNET_HOME": str(self.folder),
            "PYTHONPATH": f"{_REPOSITORY}:{_REPOSITORY / 'client'}",
            **json.loads((self.folder / "ports.json").read_text("utf-8")),
        }

    @property
    def tls(self) -> Tls:
        mine = self.folder / "subscriber"
        return Tls(self.folder / "certs" / "ca.pem", mine / "certificate.pem", mine / "key.pem")

    @property
    def forest(self) -> Path:
        return self.folder / "forest.json"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "backend", *words]

    def run(self, *words: str) -> str:
        """One command of the platform, to its end; its standard output."""
        done = subprocess.run(
            self.command(*words),
            check=True,
            cwd=_REPOSITORY,
            env=environment(self.environment),
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout


def prepare(folder: Path) -> Home:
    """The home in that folder, made where it is not there yet: the platform is started, taught and stopped again."""
    home = Home(folder)
    if home.forest.exists():
        return home
    folder.mkdir(parents=True, exist_ok=True)
    names = ("SIGNET_PORT", "SIGNET_UI_PORT", "SIGNET_MLFLOW_PORT")
    (folder / "ports.json").write_text(json.dumps({name: str(free_port()) for name in names}), "utf-8")
    table = folder / "table.csv"
    write_table(table)
    log = folder / "up.log"
    with log.open("wb") as output:
        head = subprocess.Popen(
            home.command("up"), cwd=_REPOSITORY, env=environment(home.environment), stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: is_worker_present(Settings(home=folder)), head, log)
        _train(home, table)
        _admit(home)
    finally:
        head.send_signal(signal.SIGTERM)
        end(head)
    _export(home)
    return home


def probability(home: Home, table: NDArray[np.float32]) -> float:
    """What XGBoost itself says of the first row."""
    return float(_booster(home.forest).inplace_predict(table[:1])[0])


def _train(home: Home, table: Path) -> None:
    choices = {"n_estimators": TREES, "max_depth": DEPTH, "learning_rate": 0.1, "early_stopping_rounds": TREES}
    words = [word for name, value in choices.items() for word in ("--set", f"{name}={value}")]
    said = home.run("train", str(table), "--target", TARGET, "--model", MODEL, "--task", "binary", *words, "--json")
    if json.loads(said)["state"] != "succeeded":
        raise RuntimeError(said)


def _admit(home: Home) -> None:
    """A subscriber without a limit, and a certificate for a key that never leaves this folder."""
    mine = home.folder / "subscriber"
    mine.mkdir(mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    (mine / "request.pem").write_bytes(request.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (mine / "key.pem").touch(mode=0o600)
    (mine / "key.pem").write_bytes(key.private_bytes(*plain))
    home.run("subscriber", "add", "load", "--model", MODEL)
    home.run("certificate", "issue", "load", "--csr", str(mine / "request.pem"), "--out", str(mine / "certificate.pem"))


def _export(home: Home) -> None:
    """The trained forest, for the others: the very one that the platform serves."""
    for path in home.folder.rglob("model.ubj"):
        booster = _booster(path)
        if booster.num_features() == len(COLUMNS):
            if booster.num_boosted_rounds() != TREES:
                raise RuntimeError(f"the forest has {booster.num_boosted_rounds()} trees, not {TREES}")
            booster.save_model(home.forest)
            return
    raise RuntimeError(f"no forest was found below {home.folder}")


def _booster(path: Path) -> xgb.Booster:
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(path)
    return booster
