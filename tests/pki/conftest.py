"""An authority, and the time at which it was made."""

from datetime import UTC, datetime

import pytest

from backend.pki.authority import Authority

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create(now=NOW)
