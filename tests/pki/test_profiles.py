"""Every certificate is what its profile's row says, extension by extension."""

import ipaddress
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID, NameOID

from backend.pki.authority import Authority, new_key
from backend.pki.certifying import key_identifier
from backend.pki.profiles import PROFILES, Profile
from tests.pki.conftest import NOW

SUBSCRIBER = UUID("6b1e8c58-3f1d-4a52-9d3b-2f6a3f1c9d10")
HOSTS = ["localhost", "127.0.0.1", "::1", "signet.example"]
PUBLISHED_AT = "https://signet.example:8443/pki"

# The table of the profiles, written a second time by hand: a change of one row must be meant.
EXPECTED = {
    "root": ("root", True, 1, {"key_cert_sign", "crl_sign"}, [], 3650),
    "subscribers-ca": ("root", True, 0, {"key_cert_sign", "crl_sign"}, [ExtendedKeyUsageOID.CLIENT_AUTH], 1095),
    "server-ca": ("root", True, 0, {"key_cert_sign", "crl_sign"}, [ExtendedKeyUsageOID.SERVER_AUTH], 1095),
    "server": ("server-ca", False, None, {"digital_signature"}, [ExtendedKeyUsageOID.SERVER_AUTH], 365),
    "subscriber": ("subscribers-ca", False, None, {"digital_signature"}, [ExtendedKeyUsageOID.CLIENT_AUTH], 30),
    "web-app": ("subscribers-ca", False, None, {"digital_signature"}, [ExtendedKeyUsageOID.CLIENT_AUTH], 90),
}


@pytest.fixture(scope="module")
def certificates(authority: Authority) -> dict[str, x509.Certificate]:
    """One certificate of each profile."""
    return {
        "root": authority.root,
        "subscribers-ca": authority.subscribers.certificate,
        "server-ca": authority.servers.certificate,
        "server": authority.issue_server_certificate(new_key("server").public_key(), HOSTS, now=NOW),
        "subscriber": authority.issue_subscriber_certificate(
            ec.generate_private_key(ec.SECP256R1()).public_key(),
            subscriber=SUBSCRIBER,
            trust_domain="signet.example",
            now=NOW,
            published_at=PUBLISHED_AT,
        ),
        "web-app": authority.issue_web_app_certificate(
            new_key("web-app").public_key(), trust_domain="signet.example", now=NOW
        ),
    }


def _usages(certificate: x509.Certificate) -> set[str]:
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    return {name for name in [*names, "key_cert_sign", "crl_sign"] if getattr(usage, name)}


def test_the_table_is_the_one_that_was_agreed() -> None:
    assert {name: _row(profile) for name, profile in PROFILES.items()} == EXPECTED


def _row(profile: Profile) -> tuple[object, ...]:
    return (
        profile.issuer,
        profile.is_authority,
        profile.path_length,
        set(profile.key_usage),
        list(profile.extended_key_usage),
        profile.lifetime.days,
    )


each_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))


@each_profile
def test_basic_constraints(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    extension = certificates[profile.name].extensions.get_extension_for_class(x509.BasicConstraints)
    assert extension.critical
    assert extension.value == x509.BasicConstraints(ca=profile.is_authority, path_length=profile.path_length)


@each_profile
def test_key_usage(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    assert certificates[profile.name].extensions.get_extension_for_class(x509.KeyUsage).critical
    assert _usages(certificates[profile.name]) == profile.key_usage


@each_profile
def test_extended_key_usage(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    extensions = certificates[profile.name].extensions
    found = [e for e in extensions if e.oid == ExtensionOID.EXTENDED_KEY_USAGE]
    assert [list(e.value) for e in found] == ([list(profile.extended_key_usage)] if profile.extended_key_usage else [])  # type: ignore[call-overload]
    assert not any(e.critical for e in found)


@each_profile
def test_key_identifiers(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    certificate = certificates[profile.name]
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    issuing = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert own.value == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())  # type: ignore[arg-type]
    assert issuing.value.key_identifier == key_identifier(certificates[profile.issuer]).digest
    assert (issuing.value.authority_cert_issuer, issuing.value.authority_cert_serial_number) == (None, None)
    assert not own.critical
    assert not issuing.critical


@each_profile
def test_issuer_and_signature(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    certificate, issuer = certificates[profile.name], certificates[profile.issuer]
    certificate.verify_directly_issued_by(issuer)
    by_root = profile.issuer == "root"
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA384 if by_root else hashes.SHA256)


@each_profile
def test_life(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    certificate, issuer = certificates[profile.name], certificates[profile.issuer]
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert certificate.not_valid_after_utc == NOW + profile.lifetime
    assert certificate.not_valid_after_utc <= issuer.not_valid_after_utc


@each_profile
def test_serial_number(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    serial = certificates[profile.name].serial_number
    assert 64 <= serial.bit_length() <= 159
    assert len({c.serial_number for c in certificates.values()}) == len(certificates)


@each_profile
def test_no_other_extension(certificates: dict[str, x509.Certificate], profile: Profile) -> None:
    expected = {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    }
    if profile.extended_key_usage:
        expected |= {ExtensionOID.EXTENDED_KEY_USAGE}
    if profile.alternative_name != "none":
        expected |= {ExtensionOID.SUBJECT_ALTERNATIVE_NAME}
    if profile.crl:
        expected |= {ExtensionOID.CRL_DISTRIBUTION_POINTS, ExtensionOID.AUTHORITY_INFORMATION_ACCESS}
    assert {e.oid for e in certificates[profile.name].extensions} == expected


def test_keys_of_the_authorities(certificates: dict[str, x509.Certificate]) -> None:
    curves = {name: certificates[name].public_key().curve.name for name in ("root", "subscribers-ca", "server-ca")}  # type: ignore[union-attr]
    assert curves == {"root": "secp384r1", "subscribers-ca": "secp256r1", "server-ca": "secp256r1"}


def test_the_subscriber_is_one_uri_and_nothing_else(certificates: dict[str, x509.Certificate]) -> None:
    extension = certificates["subscriber"].extensions.get_extension_for_class(x509.SubjectAlternativeName)
    identity = f"spiffe://signet.example/subscriber/{SUBSCRIBER}"
    assert list(extension.value) == [x509.UniformResourceIdentifier(identity)]
    assert not extension.critical


def test_the_server_is_its_names_and_addresses(certificates: dict[str, x509.Certificate]) -> None:
    names = certificates["server"].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.DNSName("signet.example"),
    ]


def test_where_the_revocation_list_and_the_issuer_are_published(certificates: dict[str, x509.Certificate]) -> None:
    extensions = certificates["subscriber"].extensions
    (point,) = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (access,) = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert point.full_name == [x509.UniformResourceIdentifier(f"{PUBLISHED_AT}/subscribers.crl")]
    assert access.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    assert access.access_location == x509.UniformResourceIdentifier(f"{PUBLISHED_AT}/subscribers-ca.cer")


def test_subjects_are_for_people_to_read(certificates: dict[str, x509.Certificate]) -> None:
    names = {
        name: certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        for name, certificate in certificates.items()
    }
    assert (names["server"], names["subscriber"]) == ("localhost", str(SUBSCRIBER))
    mark = str(names["root"]).removeprefix("Signet Root ")
    assert (names["subscribers-ca"], names["server-ca"]) == (
        f"Signet Subscribers CA {mark}",
        f"Signet Server CA {mark}",
    )
    assert {c.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value for c in certificates.values()} == {
        "Signet"
    }
