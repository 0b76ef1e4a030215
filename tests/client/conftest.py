import pytest

from tests.client.scripted import Script


@pytest.fixture
def script() -> Script:
    """A platform that answers as a test tells it to."""
    return Script()
