"""The root's key taken away to a safe place, and brought back when the issuing certificates are to be renewed."""

from pathlib import Path

from backend.audit.events import Event
from backend.audit.journal import record
from backend.durable import flush
from backend.errors import Conflict, Invalid, NotFound
from backend.identity.authority_files import authority_folder, locked, open_authority, read_certificate, write_key
from backend.identity.passwords import LONGEST, SHORTEST
from backend.pki.keystore import (
    read_private,
    seal_under_passphrase,
    unseal_under_passphrase,
    write_private,
)
from backend.settings import Settings


def take_root_offline(settings: Settings, target: Path, passphrase: str, *, actor: str) -> None:
    """Move the root's key from this installation into the file `target`, encrypted under `passphrase`.

    Everything but the renewal of the issuing certificates (years apart) goes on without it. Raises Conflict where the key is
    not here or `target` exists, Invalid for a passphrase that is too short or too long.
    """
    if not SHORTEST <= len(passphrase) <= LONGEST:
        raise Invalid(f"A passphrase has {SHORTEST} to {LONGEST} characters.")
    with locked(settings.certs):
        key = open_authority(settings).root_key
        if key is None:
            raise Conflict("The root's key is not here: it was taken away before.")
        if target.exists():
            raise Conflict(f"{target} is there already. Name a file that is not.")
        write_private(target, seal_under_passphrase("root", key, passphrase))
        # Removed only once the copy was seen to open, for there is no other.
        unseal_under_passphrase("root", read_private(target), passphrase)
        folder = authority_folder(settings)
        (folder / "root.key").unlink()
        flush(folder)
    record(Event.ROOT_KEY_REMOVED, actor=actor)


def bring_root_online(settings: Settings, source: Path, passphrase: str, *, actor: str) -> None:
    """Put the root's key from the file `source` back; NotFound without the file, Invalid where it is not this root's."""
    with locked(settings.certs):
        try:
            key = unseal_under_passphrase("root", source.read_bytes(), passphrase)
        except OSError as error:
            raise NotFound(f"{source} cannot be read.", cause=str(error)) from error
        if key.public_key() != read_certificate(settings, "root").public_key():
            raise Invalid(f"{source} holds the key of another root.")
        write_key(settings, "root", key, authority_folder(settings))
    record(Event.ROOT_KEY_RETURNED, actor=actor)
