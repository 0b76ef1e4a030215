"""Nothing secret is in the tree; and the one who says so can see."""

import base64
import secrets
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend.pki.keystore import private_pem
from tests.secrets_in import secrets_in

ROOT = Path(__file__).resolve().parents[2]
# Examples that are published as such: what looks like a secret in them opens nothing. Whoever adds a line says why.
EXAMPLES = {
    "tests/architecture/test_settings.py: password in a URL": "made up, to see which of two passwords is used",
    "tests/training/test_child.py: password in a URL": "made up, to see that it is not handed on",
}


def _random(length: int) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(length)).decode().strip("=")[:length].replace("-", "a")


# Put together here, so that this file holds none.
SECRETS = {
    "private key": private_pem(ec.generate_private_key(ec.SECP256R1())).decode(),
    "private key of ssh": "-----BEGIN OPENSSH PRIVATE " + f"KEY-----\n{'b3BlbnNzaC1rZXktdjE' * 3}\n",
    "AWS": "id = AKIA" + "ABCDEFGHIJKLMNOP",
    "GitHub": "ghp_" + "a1" * 18,
    "JSON Web Token": f"eyJ{'a' * 20}.eyJ{'b' * 30}.{'c' * 30}",
    "password in a URL": "postgresql://signet:" + "correcthorse@db/signet",
    "an assignment": f'password = "{_random(24)}"',
}


def _published() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_the_tree_holds_no_secret() -> None:
    found = [each for name in _published() for each in secrets_in(name, (ROOT / name).read_bytes())]
    assert [each for each in found if each not in EXAMPLES] == []
    assert EXAMPLES.keys() <= set(found)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_would_be_seen(kind: str) -> None:
    assert secrets_in("notes.txt", f"before\n{SECRETS[kind]}\nafter".encode()), kind


@pytest.mark.parametrize("name", ["certs/server.key", "id_ed25519", "home/.netrc", ".env", "bundle.p12"])
def test_a_file_for_keys_would_be_seen(name: str) -> None:
    assert secrets_in(name, b"") == [f"{name}: a file for keys"]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----",
        'password = "correct horse battery staple"',
        "https://example.org/a:b@c",
        'token = "' + "a" * 40 + '"',
    ],
)
def test_prose_is_no_secret(text: str) -> None:
    assert secrets_in("notes.txt", text.encode()) == []
