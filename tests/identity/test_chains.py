"""Chains of certificates whose handshake a proxy made: only the subscribers' authority makes clients."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from backend.database import now
from backend.errors import InvalidCertificate
from backend.identity import chains
from backend.identity.chains import verify_chain
from backend.pki.authority import Authority
from backend.pki.certifying import Applicant, Issuer, Signer, certify, name_of
from backend.pki.profiles import SERVER, SUBSCRIBER
from backend.settings import Settings
from tests.certifying import new_key

KEY = new_key()
IDENTITY = [x509.UniformResourceIdentifier(f"spiffe://example.test/subscriber/{uuid4()}")]
APPLICANT = Applicant("a subscriber", KEY.public_key(), IDENTITY)


def _of(issuer: Issuer) -> x509.Certificate:
    return certify(SUBSCRIBER, APPLICANT, signer=Signer.of(issuer), now=now())


def _self_signed(authority: Authority) -> x509.Certificate:
    """Case 20: the same names, signed by itself."""
    return certify(SUBSCRIBER, APPLICANT, signer=Signer.itself("a subscriber", KEY), now=now())


def _of_a_sibling(authority: Authority) -> x509.Certificate:
    """Case 21: an authority that bears the same name."""
    name = authority.subscribers.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    return certify(SUBSCRIBER, APPLICANT, signer=Signer.itself(str(name), new_key()), now=now())


def _of_a_server(authority: Authority) -> x509.Certificate:
    """Case 22: issued by the right authority for the wrong purpose."""
    hosts = Applicant("localhost", KEY.public_key(), [x509.DNSName("localhost")])
    return certify(SERVER, hosts, signer=Signer.of(authority.subscribers), now=now())


def _of_a_leaf(authority: Authority) -> x509.Certificate:
    """Case 23: a subscriber plays the authority."""
    return _of(Issuer(_of(authority.subscribers), KEY))


def _of_the_servers(authority: Authority) -> x509.Certificate:
    return _of(authority.servers)


def _of_an_older_authority(authority: Authority) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder().subject_name(name_of("x")).issuer_name(name_of("x")).public_key(KEY.public_key())
    )
    builder = builder.serial_number(1).not_valid_before(now()).not_valid_after(now() + timedelta(hours=1))
    return builder.sign(KEY, hashes.SHA256())  # no extension at all


def test_a_certificate_of_the_subscribers_authority_is_good(settings: Settings, authority: Authority) -> None:
    verify_chain(settings, _of(authority.subscribers).public_bytes(Encoding.DER))


@pytest.mark.parametrize(
    "make", [_self_signed, _of_a_sibling, _of_a_server, _of_a_leaf, _of_the_servers, _of_an_older_authority]
)
def test_any_other_is_not(
    settings: Settings, authority: Authority, make: Callable[[Authority], x509.Certificate]
) -> None:
    with pytest.raises(InvalidCertificate):
        verify_chain(settings, make(authority).public_bytes(Encoding.DER))


def test_one_that_is_over_or_has_not_begun_is_not(
    settings: Settings, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    der, moment = _of(authority.subscribers).public_bytes(Encoding.DER), now()
    for away, good in ((timedelta(days=29), True), (timedelta(days=31), False), (timedelta(minutes=-6), False)):
        monkeypatch.setattr(chains, "now", lambda away=away: moment + away)
        if good:
            verify_chain(settings, der)
            continue
        with pytest.raises(InvalidCertificate):
            verify_chain(settings, der)


@pytest.mark.parametrize("der", [b"", b"garbage", b"0\x82\xff\xff", b"0" * 5000])
def test_what_is_no_certificate_is_refused(settings: Settings, authority: Authority, der: bytes) -> None:
    with pytest.raises(InvalidCertificate):
        verify_chain(settings, der)
