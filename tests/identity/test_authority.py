"""The authority on disk: made once, whole or not at all, kept in date, never replaced silently."""

import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.errors import UnsafeSettings
from backend.identity import authority as authority_module
from backend.identity import server_certificate
from backend.identity.authority import ensure_authority, ensure_secret, ensure_server_certificate, ensure_token_key
from backend.identity.server_certificate import server_hosts
from backend.identity.token_keys import read_public_token_key, read_token_key
from backend.settings import REPOSITORY, Settings

SECRETS = {"key-encryption-key", "server.key", "web-app.pem", "root.key", "subscribers-ca.key", "server-ca.key"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def _openssl_accepts(settings: Settings) -> bool:
    certs = settings.certs
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"]
    command += ["-CAfile", str(certs / "ca.pem"), "-untrusted", str(certs / "server.pem"), str(certs / "server.pem")]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def test_the_first_start_makes_everything(settings: Settings) -> None:
    authority = ensure_authority(settings)
    names = {path.name for path in settings.certs.rglob("*")}
    assert {"ca.pem", "server.pem", "root.pem", "subscribers-ca.pem", "server-ca.pem", *SECRETS} <= names
    assert x509.load_pem_x509_certificate((settings.certs / "ca.pem").read_bytes()) == authority.root
    assert _openssl_accepts(settings)


def test_secrets_are_for_their_owner_only(settings: Settings) -> None:
    ensure_authority(settings)
    ensure_token_key(settings)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.certs.rglob("*")}
    assert {name: modes[name] for name in (*SECRETS, "token-key.pem")} == dict.fromkeys(
        (*SECRETS, "token-key.pem"), 0o600
    )
    assert modes["authority"] == 0o700


def test_private_keys_of_the_authority_are_nowhere_in_clear(settings: Settings) -> None:
    authority = ensure_authority(settings)
    assert authority.root_key is not None
    for key in (authority.root_key, authority.subscribers.key, authority.servers.key):
        number = key.private_numbers().private_value.to_bytes(key.curve.key_size // 8, "big")
        assert not [name for name, content in _contents(settings.certs).items() if number in content]


def test_the_second_start_changes_nothing(settings: Settings) -> None:
    first = ensure_authority(settings)
    before = _contents(settings.certs)
    second = ensure_authority(settings)
    assert _contents(settings.certs) == before
    assert second.root == first.root
    assert second.subscribers.key.private_numbers() == first.subscribers.key.private_numbers()


def test_many_first_starts_at_once_make_one_authority(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        roots = {authority.root for authority in pool.map(lambda _: ensure_authority(settings), range(8))}
    assert len(roots) == 1


KILLED_START = """
import os, sys
from pathlib import Path
from backend.identity.authority import ensure_authority
from backend.settings import Settings

def dying(real, left):
    def step(*arguments):
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)
        return real(*arguments)
    return step

for step in range(100):
    child = os.fork()
    if child == 0:
        left = [step]
        Path.replace, Path.rename = dying(Path.replace, left), dying(Path.rename, left)
        ensure_authority(Settings(home=Path(sys.argv[1]) / str(step)))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def test_a_first_start_killed_at_any_step_is_made_good_by_the_next(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", KILLED_START, str(tmp_path)], env=environment, timeout=120, check=True)
    homes = sorted(tmp_path.iterdir())
    assert len(homes) > 8, "one for each file, and one that was not killed"
    for home in homes:
        settings = Settings(home=home)
        ensure_authority(settings)
        assert _openssl_accepts(settings)
        assert {p.name for p in settings.certs.iterdir() if p.is_dir()} == {"authority"}


def test_a_missing_root_key_is_no_fault(settings: Settings) -> None:
    ensure_authority(settings)
    (settings.certs / "authority" / "root.key").unlink()
    assert ensure_authority(settings).root_key is None


@pytest.mark.parametrize("name", ["key-encryption-key", "authority/subscribers-ca.key", "authority/server-ca.pem"])
def test_what_cannot_be_made_again_is_asked_for(settings: Settings, name: str) -> None:
    ensure_authority(settings)
    (settings.certs / name).unlink()
    with pytest.raises(UnsafeSettings, match=rf"{name} is missing.*Restore it from a backup"):
        ensure_authority(settings)


def test_a_trusted_authority_is_not_replaced_by_another(settings: Settings) -> None:
    ensure_authority(settings)
    shutil.rmtree(settings.certs / "authority")
    with pytest.raises(UnsafeSettings, match="start over"):
        ensure_authority(settings)
    (settings.certs / "ca.pem").unlink()
    ensure_authority(settings)


@pytest.mark.parametrize("name", ["key-encryption-key", "authority/root.key", "server.key"])
def test_a_secret_open_to_others_stops_the_start(settings: Settings, name: str) -> None:
    ensure_authority(settings)
    (settings.certs / name).chmod(0o640)
    with pytest.raises(UnsafeSettings, match=rf"{name} .*mode 0640.*chmod 600"):
        ensure_authority(settings)


def test_keys_and_certificates_of_two_authorities_do_not_mix(settings: Settings) -> None:
    ensure_authority(settings)
    folder = settings.certs / "authority"
    shutil.copy(folder / "server-ca.pem", folder / "subscribers-ca.pem")
    with pytest.raises(UnsafeSettings, match="do not belong together"):
        ensure_authority(settings)


def test_a_certificate_that_is_none(settings: Settings) -> None:
    ensure_authority(settings)
    (settings.certs / "authority" / "root.pem").write_text("nonsense")
    with pytest.raises(UnsafeSettings, match="holds no certificate"):
        ensure_authority(settings)


def test_what_clients_trust_is_put_back(settings: Settings) -> None:
    root = ensure_authority(settings).root
    for damage in (lambda path: path.unlink(), lambda path: path.write_text("nonsense")):
        damage(settings.certs / "ca.pem")
        ensure_authority(settings)
        assert x509.load_pem_x509_certificate((settings.certs / "ca.pem").read_bytes()) == root


class TestServerCertificate:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda certs: (certs / "server.pem").unlink(),
            lambda certs: (certs / "server.key").unlink(),
            lambda certs: (certs / "server.pem").write_text("nonsense"),
            lambda certs: (certs / "server.key").write_text("nonsense"),
            lambda certs: (certs / "server.pem").write_bytes((certs / "ca.pem").read_bytes()),
            lambda certs: (certs / "server.pem").write_bytes((certs / "ca.pem").read_bytes() * 2),
            lambda certs: (certs / "server.key").write_bytes(_another_key()),
        ],
    )
    def test_one_that_cannot_be_used_is_made_anew(self, settings: Settings, damage) -> None:  # type: ignore[no-untyped-def]
        ensure_authority(settings)
        before = _server_serial(settings)
        damage(settings.certs)
        assert ensure_server_certificate(settings).serial_number != before
        assert _openssl_accepts(settings)

    def test_it_is_renewed_in_the_last_third_of_its_life(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ensure_authority(settings)
        first = _server_serial(settings)
        _at(monkeypatch, datetime.now(UTC) + timedelta(days=243))
        assert ensure_server_certificate(settings).serial_number == first
        _at(monkeypatch, datetime.now(UTC) + timedelta(days=244))
        assert ensure_server_certificate(settings).serial_number != first

    def test_it_is_made_anew_for_new_names(self, settings: Settings) -> None:
        ensure_authority(settings)
        renamed = settings.model_copy(update={"hostnames": "signet.example, 10.1.2.3"})
        certificate = ensure_server_certificate(renamed)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert "signet.example" in names.get_values_for_type(x509.DNSName)
        assert "10.1.2.3" in [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        assert ensure_server_certificate(renamed) == certificate

    def test_it_is_made_anew_by_a_renewed_issuer(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        first = ensure_authority(settings)
        _at(monkeypatch, datetime.now(UTC) + timedelta(days=800))
        second = ensure_authority(settings)
        assert second.root == first.root
        assert second.servers.certificate != first.servers.certificate
        leaf, issuer = x509.load_pem_x509_certificates((settings.certs / "server.pem").read_bytes())
        assert issuer == second.servers.certificate
        leaf.verify_directly_issued_by(issuer)

    def test_issuers_stay_where_the_root_is_offline(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        first = ensure_authority(settings)
        (settings.certs / "authority" / "root.key").unlink()
        _at(monkeypatch, datetime.now(UTC) + timedelta(days=800))
        assert ensure_authority(settings).servers.certificate == first.servers.certificate


class TestServerHosts:
    def test_loopback_comes_first_and_each_name_once(self, settings: Settings) -> None:
        named = settings.model_copy(update={"hostnames": "localhost, signet.example,, *.signet.example, ::1"})
        assert server_hosts(named)[:5] == ("localhost", "127.0.0.1", "::1", "signet.example", "*.signet.example")
        assert len(set(server_hosts(named))) == len(server_hosts(named))

    def test_the_bound_address_counts_where_it_is_one(self, settings: Settings) -> None:
        assert "10.1.2.3" in server_hosts(settings.model_copy(update={"bind": "10.1.2.3"}))
        for everywhere in ("0.0.0.0", "::", "localhost"):  # noqa: S104
            hosts = server_hosts(settings.model_copy(update={"bind": everywhere}))
            assert everywhere == "localhost" or everywhere not in hosts

    @pytest.mark.parametrize("machine", ["node-7.example", "bad name!"])
    def test_the_machines_name_counts_where_it_is_one(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, machine: str
    ) -> None:
        monkeypatch.setattr("socket.gethostname", lambda: machine)
        assert (machine in server_hosts(settings)) == (machine == "node-7.example")

    @pytest.mark.parametrize("name", ["bad name", "a..b", "-a", "a/b", "ü.example", "300.1.1.1/24", "x" * 64])
    def test_other_texts_are_refused(self, settings: Settings, name: str) -> None:
        with pytest.raises(UnsafeSettings, match="SIGNET_HOSTNAMES"):
            server_hosts(settings.model_copy(update={"hostnames": name}))


class TestSecrets:
    def test_the_token_key_is_made_once(self, settings: Settings) -> None:
        path = ensure_token_key(settings)
        content = path.read_bytes()
        key = serialization.load_pem_private_key(content, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == "secp256r1"
        assert ensure_token_key(settings).read_bytes() == content

    def test_its_public_half_lies_beside_it_and_follows_it(self, settings: Settings) -> None:
        private, public = read_token_key(settings)
        assert public == read_public_token_key(settings) == _public_half(private)
        (settings.certs / "token-key.pem").unlink()
        replaced = read_token_key(settings)
        assert replaced == (replaced[0], _public_half(replaced[0]))
        assert public not in replaced

    def test_without_it_who_only_verifies_is_told(self, settings: Settings) -> None:
        with pytest.raises(UnsafeSettings, match=r"token-public-key\.pem is missing"):
            read_public_token_key(settings)

    def test_a_token_key_that_is_none_is_named(self, settings: Settings) -> None:
        path = ensure_token_key(settings)
        path.write_text("half a key")
        with pytest.raises(UnsafeSettings, match=path.name) as refused:
            read_token_key(settings)
        assert "half a key" not in str(refused.value)

    def test_a_secret_is_made_once(self, tmp_path: Path) -> None:
        path = tmp_path / "certs" / "a-token"
        secret = ensure_secret(path)
        assert len(secret) == 43
        assert ensure_secret(path) == secret
        assert ensure_secret(path.with_name("another")) != secret
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_secrets_open_to_others_are_refused(self, settings: Settings) -> None:
        key, token = ensure_token_key(settings), settings.certs / "a-token"
        ensure_secret(token)
        for path in (key, token):
            path.chmod(0o644)
        with pytest.raises(UnsafeSettings):
            ensure_token_key(settings)
        with pytest.raises(UnsafeSettings):
            ensure_secret(token)


def _public_half(private: str) -> str:
    key = serialization.load_pem_private_key(private.encode(), password=None).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _another_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _server_serial(settings: Settings) -> int:
    return x509.load_pem_x509_certificates((settings.certs / "server.pem").read_bytes())[0].serial_number


def _at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let the authority believe that it is `moment`."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
            return moment

    for module in (authority_module, server_certificate):
        monkeypatch.setattr(module, "datetime", Clock)
