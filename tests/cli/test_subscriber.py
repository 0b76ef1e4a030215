"""Subscribers and their certificates, kept from the terminal."""

import json
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import InvalidCertificate, NotAllowed
from backend.identity.authority import ensure_authority
from backend.identity.authority_files import open_authority
from backend.identity.certificates import verify_certificate
from backend.identity.enrolment import enrol
from backend.pki import keystore
from tests.certifying import der_of, signing_request

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def authority(settings):
    return ensure_authority(settings)


@pytest.fixture
def billing(terminal):
    result = terminal("subscriber", "add", "billing", "--model", "iris", "--rate", "60", "--quota", "1000")
    assert result.exit_code == 0, result.stderr
    return "billing"


@pytest.fixture
def issued(terminal, billing, tmp_path):
    """A certificate of it (PEM), in a file."""
    (tmp_path / "request.pem").write_bytes(signing_request())
    out = tmp_path / "certificate.pem"
    words = ("certificate", "issue", billing, "--csr", str(tmp_path / "request.pem"), "--out", str(out))
    result = terminal(*words)
    assert result.exit_code == 0, result.stderr
    return out


def verified(path):
    db.session.rollback()
    return verify_certificate(der_of(path.read_text()))


def test_subscriber_is_admitted_and_listed(terminal, billing):
    result = terminal("subscriber", "add", "shipping", "--all-models", "--certificate-hours", "24")
    assert result.stdout.startswith("shipping may ask every model.")
    first, second = terminal.json("subscriber", "list")
    assert (first["name"], first["models"], first["rate_per_minute"]) == ("billing", ["iris"], 60)
    assert (second["models"], second["certificate_hours"], second["state"]) == (["*"], 24, "active")
    shown = terminal("subscriber", "list").stdout
    assert "billing" in shown
    assert "None" not in shown


@pytest.mark.parametrize("options", [(), ("--model", "iris", "--all-models")])
def test_models_are_said_one_way(terminal, options):
    result = terminal("subscriber", "add", "billing", *options)
    assert (result.exit_code, "--all-models" in result.stderr) == (2, True)


def test_name_is_taken_once(terminal, billing):
    result = terminal("subscriber", "add", "billing", "--all-models")
    assert (result.exit_code, result.stderr) == (2, "Error: There is already a subscriber named 'billing'.\n")


def test_token_alone_is_on_standard_output_and_enrols(terminal, billing, settings):
    result = terminal("subscriber", "enrol", billing)
    assert "shown this once" in result.stderr
    assert enrol(settings, result.stdout.strip(), signing_request()).serial_number


def test_suspended_is_refused_until_resumed(terminal, billing, issued):
    assert terminal("subscriber", "suspend", billing).exit_code == 0
    with pytest.raises(NotAllowed):
        verified(issued)
    assert terminal("subscriber", "resume", billing).exit_code == 0
    assert verified(issued).name == billing


def test_removed_with_its_certificates(terminal, billing, issued):
    assert terminal("subscriber", "delete", billing).exit_code == 0
    assert terminal.json("subscriber", "list") == []
    with pytest.raises(InvalidCertificate):
        verified(issued)
    (listed,) = terminal.json("certificate", "list", "--state", "revoked")
    assert (listed["subscriber"], listed["revocation_reason"]) == (None, "cessationOfOperation")
    assert terminal("certificate", "list").exit_code == 0


def test_file_holds_certificate_and_chain(issued, authority):
    leaf, issuer = x509.load_pem_x509_certificates(issued.read_bytes())
    leaf.verify_directly_issued_by(issuer)
    assert issuer == authority.subscribers.certificate


def test_certificate_through_pipes(terminal, billing):
    result = terminal("certificate", "issue", billing, "--csr", "-", typed=signing_request().decode())
    assert result.stdout.count("BEGIN CERTIFICATE") == 2
    assert "Serial number: " in result.stderr


def test_key_made_here_is_for_its_owner(terminal, billing, tmp_path):
    out = tmp_path / "billing.p12"
    result = terminal("certificate", "issue", billing, "--generate", "--out", str(out))
    word = result.stdout.split("shown this once: ")[1].strip()
    key, leaf, _ = pkcs12.load_key_and_certificates(out.read_bytes(), word.encode())
    assert key.public_key() == leaf.public_key()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("options", [(), ("--generate",), ("--out", "x.pem"), ("--generate", "--csr", "-")])
def test_request_and_key_made_here_exclude_each_other(terminal, billing, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert terminal("certificate", "issue", billing, *options, typed="x").exit_code == 2
    assert terminal.json("certificate", "list") == []


def test_nothing_is_written_over(terminal, billing, issued):
    before = issued.read_bytes()
    for options in (("--generate",), ("--csr", "-")):
        result = terminal("certificate", "issue", billing, *options, "--out", str(issued), typed="x")
        assert (result.exit_code, "there already" in result.stderr) == (2, True)
    assert issued.read_bytes() == before


def test_list_is_filtered(terminal, billing, issued):
    for options, count in (
        (("--subscriber", billing), 1), (("--state", "valid"), 1), (("--state", "expired"), 0),
        (("--expiring-within-days", "29"), 0), (("--expiring-within-days", "31"), 1),
    ):  # fmt: skip
        assert len(terminal.json("certificate", "list", *options)) == count, options
    assert terminal("certificate", "list", "--subscriber", "nobody").exit_code == 2
    assert "billing" in terminal("certificate", "list").stdout


def test_certificate_is_revoked_once(terminal, billing, issued):
    (listed,) = terminal.json("certificate", "list")
    words = ("certificate", "revoke", listed["serial_number"], "--reason", "keyCompromise")
    assert terminal(*words).exit_code == 0
    with pytest.raises(InvalidCertificate):
        verified(issued)
    assert terminal(*words).exit_code == 2
    assert terminal("certificate", "revoke", "4711").exit_code == 2
    assert terminal("certificate", "revoke", listed["serial_number"], "--reason", "because").exit_code == 2


def test_acts_are_in_the_journal_by_the_operators_account(terminal, billing, issued):
    db.session.rollback()
    rows = db.session.execute(select(AuditEvent.event, AuditEvent.actor)).all()
    assert [row.event for row in rows] == ["subscriber.created", "certificate.issued"]
    assert all(row.actor.startswith("cli:") for row in rows)


class TestRoot:
    @pytest.fixture(autouse=True)
    def cheap(self, monkeypatch):
        monkeypatch.setattr(keystore, "_MEMORY_KIB", 64)

    def test_key_goes_and_comes_back(self, terminal, settings, billing, tmp_path):
        file = str(tmp_path / "root.json")
        result = terminal("certificate", "root-offline", file, typed=f"{PASSPHRASE}\n")
        assert (result.exit_code, "nowhere else" in result.stdout) == (0, True)
        assert open_authority(settings).root_key is None
        assert json.loads((tmp_path / "root.json").read_text())["key_id"] == "root"
        assert terminal("certificate", "issue", billing, "--generate", "--out", f"{file}.p12").exit_code == 0
        assert terminal("certificate", "root-online", file, typed="wrong passphrase\n").exit_code == 2
        assert terminal("certificate", "root-online", file, typed=f"{PASSPHRASE}\n").exit_code == 0
        assert open_authority(settings).root_key is not None

    def test_passphrase_is_never_an_argument(self, terminal, tmp_path):
        assert terminal("certificate", "root-offline", str(tmp_path / "x"), PASSPHRASE).exit_code == 2

    def test_list_tells_of_an_issuer_that_ends(self, terminal, monkeypatch):
        monkeypatch.setattr("backend.cli.certificate.ageing_without_root", lambda *_: ["It ends."])
        result = terminal("certificate", "list", "--json")
        assert (result.stdout, result.stderr) == ("[]\n", "It ends.\n")
