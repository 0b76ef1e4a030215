"""Certificate profiles as data (RFC 5280): one row a kind of certificate, asserted field by field in the tests."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

ORGANISATION = "Signet"

# A verifier whose clock is a little behind ours must not refuse a certificate made a moment ago.
BACKDATED_BY = timedelta(minutes=5)

CRL_LIFETIME = timedelta(days=7)

# What subscribers and servers may bring as their own key; anything else is refused.
ACCEPTED_CURVES = ("secp256r1", "secp384r1")
ACCEPTED_RSA_BITS = range(2048, 4097)

_CERTIFICATE_SIGNING = frozenset({"key_cert_sign", "crl_sign"})
_PROOF_OF_POSSESSION = frozenset({"digital_signature"})


@dataclass(frozen=True)
class Profile:
    """One kind of certificate.

    `issuer` names the profile of the certificate that signs it, its own name where it signs itself. `path_length` is None for
    a leaf. `alternative_name` says what the SAN must hold: nothing, exactly one URI, or the host names and addresses of
    a server. `crl` and `issuer_file` are published under the authority's public address; None where nothing is published.
    """

    name: str
    issuer: str
    lifetime: timedelta
    shortest: timedelta
    longest: timedelta
    key_usage: frozenset[str]
    path_length: int | None = None
    extended_key_usage: tuple[x509.ObjectIdentifier, ...] = ()
    alternative_name: Literal["none", "uri", "hosts"] = "none"
    crl: str | None = None
    issuer_file: str | None = None

    @property
    def is_authority(self) -> bool:
        return self.path_length is not None


def _authority(
    name: str, *, issuer: str, days: int, path_length: int, purposes: tuple[x509.ObjectIdentifier, ...] = ()
) -> Profile:
    """An authority's row: a fixed life, and the right to sign certificates and revocation lists only."""
    life = timedelta(days=days)
    return Profile(name, issuer, life, life, life, _CERTIFICATE_SIGNING, path_length, purposes)


ROOT = _authority("root", issuer="root", days=3650, path_length=1)

# The extended key usage of an issuing authority binds what it may issue: a server certificate signed by the subscribers'
# authority is refused as a client's by every verifier, and the reverse.
SUBSCRIBERS_CA = _authority(
    "subscribers-ca", issuer="root", days=1095, path_length=0, purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,)
)
SERVER_CA = _authority(
    "server-ca", issuer="root", days=1095, path_length=0, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)
)

# A year, the longest that Mozilla's guidance allows, renewed in its last third: a web app that reads its certificate only
# at its start has months to restart.
SERVER = Profile(
    name="server",
    issuer="server-ca",
    lifetime=timedelta(days=365),
    shortest=timedelta(hours=1),
    longest=timedelta(days=365),
    key_usage=_PROOF_OF_POSSESSION,
    extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
    alternative_name="hosts",
)
SUBSCRIBER = Profile(
    name="subscriber",
    issuer="subscribers-ca",
    lifetime=timedelta(days=30),
    shortest=timedelta(hours=1),
    longest=timedelta(days=90),
    key_usage=_PROOF_OF_POSSESSION,
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
    alternative_name="uri",
    crl="subscribers.crl",
    issuer_file="subscribers-ca.cer",
)

# The platform's own web app is a client like any other, but no subscriber: which certificate is its, a file of ours says.
WEB_APP = Profile(
    name="web-app",
    issuer="subscribers-ca",
    lifetime=timedelta(days=90),
    shortest=timedelta(hours=1),
    longest=timedelta(days=90),
    key_usage=_PROOF_OF_POSSESSION,
    extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
    alternative_name="uri",
)

PROFILES = {profile.name: profile for profile in (ROOT, SUBSCRIBERS_CA, SERVER_CA, SERVER, SUBSCRIBER, WEB_APP)}

# The keys that we make ourselves; a subscriber best makes its own.
CURVES: dict[str, ec.EllipticCurve] = {
    "root": ec.SECP384R1(),
    "subscribers-ca": ec.SECP256R1(),
    "server-ca": ec.SECP256R1(),
    "server": ec.SECP256R1(),
    "subscriber": ec.SECP256R1(),
    "web-app": ec.SECP256R1(),
}
