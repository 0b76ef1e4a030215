"""What is in the images, layer by layer: whoever gets an image has all of it, also what a later layer hides."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.containers.layers import files_of
from tests.containers.running import HERE, ROOT, TAG, Containers
from tests.secrets_in import secrets_in

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900), pytest.mark.xdist_group("containers")]

each_image = pytest.mark.parametrize("image", ["backend", "frontend"])
# Packages are what everybody gets by the hashes of the lock; their pages show URLs and tokens that are made up.
PACKAGES = re.compile(r"/site-packages/.*: (password in a URL|JSON Web Token)$")
COMPILERS = re.compile(r"(^|/)bin/([\w-]+-)?(gcc|g\+\+|cc|c\+\+|clang|ld|as|make|cargo|rustc)(-\d+)?$")


def _secrets_of(image: str, ours: list[bytes]) -> list[str]:
    found = []
    for name, content in files_of(image):
        found += [each for each in secrets_in(name, content, given=False) if not PACKAGES.search(each)]
        found += [f"{name}: a secret of this machine" for secret in ours if secret in content]
        found += [f"{name}: a compiler"] if COMPILERS.search(name) else []
    return found


@each_image
def test_no_layer_holds_a_key_a_secret_or_a_compiler(containers: Containers, image: str) -> None:
    ours = [file.read_bytes().strip() for file in (ROOT / "compose" / "secrets").iterdir()]
    assert len(ours) >= 3
    assert _secrets_of(f"signet-{image}:{TAG}", ours) == []


def test_a_secret_would_be_seen_that_a_later_layer_hides(containers: Containers, tmp_path: Path) -> None:
    image = f"signet-secret:{HERE}"
    (tmp_path / "secret").write_text("one that is known\n")
    (tmp_path / "url").write_text("index-url = https://me:" + "correcthorse@packages.example.org/simple\n")
    (tmp_path / "none").touch()
    (tmp_path / "Dockerfile").write_text(
        "FROM scratch\nCOPY secret /opt/s\nCOPY url /etc/pip.conf\nCOPY none /opt/s\nCOPY none /etc/pip.conf\nCOPY none /usr/bin/gcc-14\n"
    )
    build = ["docker", "build", "--quiet", "--tag", image, tmp_path]
    subprocess.run(build, capture_output=True, check=True, timeout=120)
    try:
        assert sorted(_secrets_of(image, [b"one that is known"])) == [
            "etc/pip.conf: password in a URL",
            "opt/s: a secret of this machine",
            "usr/bin/gcc-14: a compiler",
        ]
    finally:
        subprocess.run(["docker", "image", "rm", image], capture_output=True, check=True, timeout=60)


@each_image
def test_an_image_says_what_it_is_and_asks_for_no_root(containers: Containers, image: str) -> None:
    asked = ["docker", "image", "inspect", f"signet-{image}:{TAG}"]
    (told,) = json.loads(subprocess.run(asked, capture_output=True, check=True, timeout=60).stdout)
    assert told["Config"]["User"] == "10001:10001"
    assert told["Config"]["Healthcheck"]["Test"][0] == "CMD"
    labels = {
        name.rpartition(".")[2]: value for name, value in told["Config"]["Labels"].items() if "opencontainers" in name
    }
    assert labels.keys() == {"title", "description", "licenses", "version", "revision", "created"}
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert labels["revision"] == (head.strip() or "unknown")
    assert not [each for each in told["Config"]["Env"] if re.search("PASSWORD|TOKEN|SECRET|_KEY=", each)]
