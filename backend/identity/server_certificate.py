"""The certificate that the platform's servers present: made for the names of this machine, renewed before it ends."""

import ipaddress
import re
import socket
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from backend.errors import UnsafeSettings
from backend.pki.authority import Authority, host_name, is_ageing, new_key
from backend.pki.certifying import pem
from backend.pki.keystore import private_pem, read_private, write_private, write_public
from backend.settings import Settings

_HOST = re.compile(
    r"(?=.{1,253}$)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE
)


def renew_where_due(settings: Settings, authority: Authority) -> x509.Certificate:
    """The server certificate, made anew where it is missing, ageing, or not for the present names and issuer."""
    hosts = server_hosts(settings)
    present = _find_present(settings.certs, authority, hosts)
    if present is not None:
        return present
    key = new_key("server")
    certificate = authority.issue_server_certificate(key.public_key(), hosts, now=datetime.now(UTC))
    # The key first: a start killed between the two finds a pair that does not match, and makes both again.
    write_private(settings.certs / "server.key", private_pem(key))
    write_public(settings.certs / "server.pem", pem(certificate) + pem(authority.servers.certificate))
    return certificate


def _find_present(certs: Path, authority: Authority, hosts: tuple[str, ...]) -> x509.Certificate | None:
    """The server certificate on disk where it can go on being used; None where it must be made anew."""
    try:
        leaf, issuer = x509.load_pem_x509_certificates((certs / "server.pem").read_bytes())
        key = serialization.load_pem_private_key(read_private(certs / "server.key"), password=None)
        leaf.verify_directly_issued_by(authority.servers.certificate)
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
        return None
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    good = (
        issuer == authority.servers.certificate
        and key.public_key() == leaf.public_key()
        and list(names) == [host_name(host) for host in hosts]
        and not is_ageing(leaf, datetime.now(UTC))
    )
    return leaf if good else None


def server_hosts(settings: Settings) -> tuple[str, ...]:
    """The names and addresses that the server certificate is made for, loopback first, each once."""
    configured = [host.strip() for host in settings.hostnames.split(",") if host.strip()]
    for host in configured:
        if not _is_address(host) and not _HOST.fullmatch(host):
            raise UnsafeSettings(f"SIGNET_HOSTNAMES: '{host}' is neither a host name nor an address")
    hosts = ["localhost", "127.0.0.1", "::1", *configured]
    if _is_address(settings.bind) and not ipaddress.ip_address(settings.bind).is_unspecified:
        hosts.append(settings.bind)
    if _HOST.fullmatch(machine := socket.gethostname()):
        hosts.append(machine)
    return tuple(dict.fromkeys(hosts))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
