"""A profile, a name and a public key become a signed certificate: judge, fill in, sign."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from backend.errors import Invalid, NotReady
from backend.pki.profiles import BACKDATED_BY, ORGANISATION, Profile
from backend.pki.public_keys import PublicKey, accepted_key

Extension = tuple[x509.ExtensionType, bool]  # and whether it is critical

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Issuer:
    """A certificate of ours with the private key to sign in its name."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Signer:
    """In whose name a certificate is signed, with which key, and within which time it must lie."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    identifier: x509.SubjectKeyIdentifier
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, issuer: Issuer) -> Self:
        """An issuer signs in the name, and within the life, that its certificate states."""
        own = issuer.certificate
        return cls(own.subject, issuer.key, key_identifier(own), own.not_valid_before_utc, own.not_valid_after_utc)

    @classmethod
    def itself(cls, common_name: str, key: ec.EllipticCurvePrivateKey) -> Self:
        """A root signs itself: nobody stands above it to bound its life."""
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return cls(
            name_of(common_name), key, identifier, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        )


@dataclass(frozen=True)
class Applicant:
    """Who is to be certified: a common name, a public key, and the alternative names that its profile asks for."""

    common_name: str
    key: PublicKey
    alternative_names: Sequence[x509.GeneralName] = ()


def certify(
    profile: Profile,
    applicant: Applicant,
    *,
    signer: Signer,
    now: datetime,
    lifetime: timedelta | None = None,
    published_at: str | None = None,
) -> x509.Certificate:
    """A certificate for `applicant` as `profile` draws it.

    `now` is aware UTC; `published_at` is the address under which revocation list and issuer can be fetched. The life is
    the profile's where none is asked for, and never ends after the issuer's.
    Raises Invalid for a key, a life or alternative names that the profile does not allow, NotReady for an issuer past its end.
    """
    lifetime = profile.lifetime if lifetime is None else lifetime
    _verify_lifetime(profile, lifetime)
    _verify_alternative_names(profile, applicant.alternative_names)
    starts_at, ends_at = _validity(signer, now, lifetime)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(applicant.common_name))
        .issuer_name(signer.name)
        .public_key(accepted_key(applicant.key))
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts_at)
        .not_valid_after(ends_at)
    )
    for extension, critical in (
        *_constraints(profile),
        *_identifiers(applicant, signer),
        *_publications(profile, published_at),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer.key, digest_for(signer.key))


def name_of(common_name: str) -> x509.Name:
    """The subject that we write: for people to read, never to decide by."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def pem(certificate: x509.Certificate) -> bytes:
    """The certificate as text, the form that servers and clients read."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def digest_for(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """The digest as strong as the curve that signs."""
    return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()


def key_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    """The identifier that the certificate itself states, so that both ends of the chain hold the same bytes."""
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def _verify_lifetime(profile: Profile, lifetime: timedelta) -> None:
    if not profile.shortest <= lifetime <= profile.longest:
        raise Invalid(
            f"A {profile.name} certificate may live from {profile.shortest} to {profile.longest}, not {lifetime}"
        )


def _verify_alternative_names(profile: Profile, names: Sequence[x509.GeneralName]) -> None:
    kinds = [type(name) for name in names]
    good = {
        "none": not kinds,
        "uri": kinds == [x509.UniformResourceIdentifier],
        "hosts": bool(kinds) and set(kinds) <= {x509.DNSName, x509.IPAddress},
    }[profile.alternative_name]
    if not good:
        raise Invalid(f"The alternative names are not those of a {profile.name} certificate")


def _validity(signer: Signer, now: datetime, lifetime: timedelta) -> tuple[datetime, datetime]:
    if now >= signer.ends_at:
        raise NotReady("The issuing certificate has ended; it must be renewed first")
    return max(now - BACKDATED_BY, signer.starts_at), min(now + lifetime, signer.ends_at)


def _constraints(profile: Profile) -> list[Extension]:
    usage = x509.KeyUsage(**{name: name in profile.key_usage for name in _KEY_USAGES})
    extensions: list[Extension] = [
        (x509.BasicConstraints(ca=profile.is_authority, path_length=profile.path_length), True),
        (usage, True),
    ]
    if profile.extended_key_usage:
        extensions.append((x509.ExtendedKeyUsage(profile.extended_key_usage), False))
    return extensions


def _identifiers(applicant: Applicant, signer: Signer) -> list[Extension]:
    extensions: list[Extension] = [
        (x509.SubjectKeyIdentifier.from_public_key(applicant.key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer.identifier), False),
    ]
    if applicant.alternative_names:
        extensions.append((x509.SubjectAlternativeName(applicant.alternative_names), False))
    return extensions


def _publications(profile: Profile, published_at: str | None) -> list[Extension]:
    if published_at is None or profile.crl is None or profile.issuer_file is None:
        return []
    crl, issuer = (
        x509.UniformResourceIdentifier(f"{published_at}/{file}") for file in (profile.crl, profile.issuer_file)
    )
    point = x509.DistributionPoint(full_name=[crl], relative_name=None, reasons=None, crl_issuer=None)
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, issuer)
    return [(x509.CRLDistributionPoints([point]), False), (x509.AuthorityInformationAccess([access]), False)]
