"""The certificate authority: an offline-capable root and the two authorities that issue in its name."""

import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend.errors import NotReady
from backend.pki.certifying import Applicant, Issuer, Signer, certify
from backend.pki.profiles import CURVES, ROOT, SERVER, SERVER_CA, SUBSCRIBER, SUBSCRIBERS_CA, WEB_APP, Profile
from backend.pki.public_keys import PublicKey
from backend.pki.revocation import Revocation, sign_revocations


@dataclass(frozen=True)
class Authority:
    """The authority of one platform; `root_key` is None once the root's key was taken away to a safe place.

    Everything but `renew_issuers` works without the root's key.
    """

    root: x509.Certificate
    root_key: ec.EllipticCurvePrivateKey | None
    subscribers: Issuer
    servers: Issuer

    @classmethod
    def create(cls, *, now: datetime) -> Self:
        """A new root with its two issuing authorities; `now` is aware UTC."""
        # Two platforms on one machine would otherwise have roots that a trust store shows, and looks up, as one.
        mark = secrets.token_hex(4)
        key = new_key("root")
        name = f"Signet Root {mark}"
        signer = Signer.itself(name, key)
        root = Issuer(certify(ROOT, Applicant(name, key.public_key()), signer=signer, now=now), key)
        return cls(
            root.certificate,
            key,
            _issuing(SUBSCRIBERS_CA, f"Signet Subscribers CA {mark}", root, now),
            _issuing(SERVER_CA, f"Signet Server CA {mark}", root, now),
        )

    def issue_server_certificate(self, key: PublicKey, hosts: Sequence[str], *, now: datetime) -> x509.Certificate:
        """A certificate for the server of `hosts`: DNS names and IP addresses, the first one shown as its name."""
        applicant = Applicant(hosts[0][:64], key, [host_name(host) for host in hosts])
        return certify(SERVER, applicant, signer=Signer.of(self.servers), now=now)

    def issue_subscriber_certificate(
        self,
        key: PublicKey,
        *,
        subscriber: UUID,
        trust_domain: str,
        now: datetime,
        lifetime: timedelta | None = None,
        published_at: str | None = None,
    ) -> x509.Certificate:
        """A client certificate whose identity is the one URI `spiffe://<trust domain>/subscriber/<uuid>`.

        Raises Invalid for a key or a life (1 hour to 90 days) that the profile does not allow.
        """
        identity = x509.UniformResourceIdentifier(f"spiffe://{trust_domain}/subscriber/{subscriber}")
        applicant = Applicant(str(subscriber), key, [identity])
        return certify(
            SUBSCRIBER,
            applicant,
            signer=Signer.of(self.subscribers),
            now=now,
            lifetime=lifetime,
            published_at=published_at,
        )

    def issue_web_app_certificate(self, key: PublicKey, *, trust_domain: str, now: datetime) -> x509.Certificate:
        """The client certificate of the platform's own web app, `spiffe://<trust domain>/web-app`."""
        applicant = Applicant("web-app", key, [web_app_identity(trust_domain)])
        return certify(WEB_APP, applicant, signer=Signer.of(self.subscribers), now=now)

    def revocation_list(
        self, revocations: Iterable[Revocation], *, number: int, now: datetime
    ) -> x509.CertificateRevocationList:
        """The subscribers' revocation list that holds exactly `revocations`; `number` grows from list to list."""
        return sign_revocations(self.subscribers, revocations, number=number, now=now)

    def renew_issuers(self, *, now: datetime) -> Self:
        """The same authority with both issuing certificates made anew for the same keys, so that every leaf stays good.

        Raises NotReady where the root's key is not here.
        """
        if self.root_key is None:
            raise NotReady("The key of the root is not here: bring it back to renew the issuing certificates")
        root = Issuer(self.root, self.root_key)
        return replace(
            self,
            subscribers=_renewed(SUBSCRIBERS_CA, self.subscribers, root, now),
            servers=_renewed(SERVER_CA, self.servers, root, now),
        )


def new_key(profile: str) -> ec.EllipticCurvePrivateKey:
    """A fresh private key of the kind that certificates of `profile` have."""
    return ec.generate_private_key(CURVES[profile])


def web_app_identity(trust_domain: str) -> x509.UniformResourceIdentifier:
    """How the certificate of the platform's own web app names it."""
    return x509.UniformResourceIdentifier(f"spiffe://{trust_domain}/web-app")


def host_name(host: str) -> x509.GeneralName:
    """A host as a certificate states it: an address where it reads as one, a DNS name otherwise."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def is_ageing(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether the last third of its life has begun (or its whole life is over)."""
    starts_at, ends_at = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= ends_at - (ends_at - starts_at) / 3


def _issuing(profile: Profile, name: str, root: Issuer, now: datetime) -> Issuer:
    key = new_key(profile.name)
    return Issuer(certify(profile, Applicant(name, key.public_key()), signer=Signer.of(root), now=now), key)


def _renewed(profile: Profile, old: Issuer, root: Issuer, now: datetime) -> Issuer:
    name = old.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    return Issuer(
        certify(profile, Applicant(str(name), old.key.public_key()), signer=Signer.of(root), now=now), old.key
    )
