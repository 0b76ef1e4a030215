"""Sessions: how long ago a person proved who they are."""

from datetime import timedelta

import pytest
from flask import Flask

from backend.database import now
from backend.errors import ProofRequired
from backend.identity.principal import Role
from backend.identity.sessions import start_session, verify_signed_in_lately
from backend.identity.users import create_user


def test_only_a_sign_in_of_the_last_ten_minutes_counts_as_proof(app: Flask) -> None:
    user = create_user("mia", "a long word of four", Role.MANAGER, actor="ada")
    session = start_session(user, timedelta(hours=12))
    session.created_at = now() - timedelta(minutes=9, seconds=50)
    verify_signed_in_lately(session.id)
    session.created_at = now() - timedelta(minutes=10, seconds=1)
    with pytest.raises(ProofRequired):
        verify_signed_in_lately(session.id)
