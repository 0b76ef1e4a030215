"""Every endpoint of the API, noun by noun."""

from backend.api import openapi, operation, sign_in, users
from backend.api.routing import Endpoint

NOUNS = (sign_in, users, operation, openapi)

ENDPOINTS: list[Endpoint] = [endpoint for noun in NOUNS for endpoint in noun.endpoints.listed]
