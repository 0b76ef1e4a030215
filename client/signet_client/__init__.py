"""Calls to a Signet platform go in as Python values, and its answers come back typed or as a SignetError."""

from signet_client.client import Signet
from signet_client.errors import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidCredentials,
    Malformed,
    NotFound,
    NotReady,
    OtpRequired,
    Problem,
    RateLimited,
    Refused,
    ServerFault,
    SessionEnded,
    SignetError,
    TooLarge,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
    UnsupportedMedia,
)
from signet_client.tokens import Tokens

__all__ = [
    "Conflict",
    "Forbidden",
    "Invalid",
    "InvalidCredentials",
    "Malformed",
    "NotFound",
    "NotReady",
    "OtpRequired",
    "Problem",
    "RateLimited",
    "Refused",
    "ServerFault",
    "SessionEnded",
    "Signet",
    "SignetError",
    "Tokens",
    "TooLarge",
    "Unauthenticated",
    "UnexpectedAnswer",
    "Unreachable",
    "UnsupportedMedia",
]
