"""The part of the platform in memory that admits people and services, and keeps the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.now(UTC)
WHEN = "2026-11-23T12:00:00+00:00"
EXPIRES = "2026-11-23T12:15:00+00:00"
PASSWORD = "correct horse battery staple"
KEY_FILE = b"\x30\x82the key"


def in_days(days: float) -> str:
    return (NOW + timedelta(days=days)).isoformat()


def subscriber(subscriber_id: str, name: str, **more: Any) -> dict[str, Any]:
    terms = {"models": ["titanic"], "rate_per_minute": 600, "daily_quota": None, "certificate_hours": None}
    rest = {"description": "Bills travellers", "state": "active", "created_by": "manager", "created_at": WHEN}
    return {"id": subscriber_id, "name": name, **terms, **rest, **more}


def certificate(serial: str, state: str, days: float, **more: Any) -> dict[str, Any]:
    owner = {"subscriber_id": "s-1", "subscriber": "billing", "issued_by": "manager", "issued_at": WHEN}
    life = {"not_before": WHEN, "not_after": in_days(days), "renewable_from": in_days(days - 10), "replaced_at": None}
    end = {"revoked_at": None, "revocation_reason": None}
    names = {"serial_number": serial, "fingerprint": "ef" * 32, "certificate": "-----BEGIN CERTIFICATE-----\n"}
    return {**names, **owner, **life, **end, "state": state, **more}


def user(user_id: str, username: str, role: str, **more: Any) -> dict[str, Any]:
    return {
        "id": user_id,
        "username": username,
        "role": role,
        "created_at": WHEN,
        "disabled_at": None,
        "second_factor": True,
        **more,
    }


def event(position: int, name: str, **more: Any) -> dict[str, Any]:
    who = {"actor": "manager", "target": "subscriber:s-1", "outcome": "done", "details": {"models": ["titanic"]}}
    rest = {"address": "127.0.0.1", "request_id": f"r-{position}", "previous_hash": "0" * 64, "hash": "1" * 64}
    return {"position": position, "at": WHEN, "event": name, **who, **rest, **more}


@dataclass
class People:
    """Subscribers, certificates, users and events; `told` are the questions that were put to lists."""

    subscribers: list[dict[str, Any]] = field(
        default_factory=lambda: [
            subscriber("s-1", "billing"),
            subscriber("s-2", "old_shop", state="suspended", models=["*"]),
        ]
    )
    certificates: list[dict[str, Any]] = field(
        default_factory=lambda: [
            certificate("0a1b2c3d4e5f", "valid", 5),
            certificate("aa", "valid", 25),
            certificate("bb", "revoked", 20, revoked_at=WHEN, revocation_reason="keyCompromise"),
        ]
    )
    users: list[dict[str, Any]] = field(
        default_factory=lambda: [user("u-1", "ada", "admin"), user("u-2", "eve", "expert", disabled_at=WHEN)]
    )
    events: list[dict[str, Any]] = field(
        default_factory=lambda: [event(2, "subscriber.suspended"), event(1, "subscriber.created")]
    )
    verdict: dict[str, Any] = field(
        default_factory=lambda: {"events": 2, "ok": True, "head": {"position": 2, "hash": "1" * 64}}
    )
    has_otp: bool = False
    recovery_codes: int = 10
    told: list[dict[str, Any]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)


def _found(things: list[dict[str, Any]], key: str, wanted: str) -> dict[str, Any]:
    return next(each for each in things if each[key] == wanted)


def _ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def _refused(status: int, code: str, detail: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": detail}, headers={"X-Request-Id": "req-42"})


def create_subscriber(people: People, body: Any) -> httpx.Response:
    people.subscribers.append(subscriber("s-3", **body))
    return _ok(people.subscribers[-1], 201)


def change_subscriber(people: People, body: Any, wanted: str) -> httpx.Response:
    found = _found(people.subscribers, "id", wanted)
    found.update(body)
    return _ok(found)


def delete_subscriber(people: People, _body: Any, wanted: str) -> httpx.Response:
    people.subscribers.remove(_found(people.subscribers, "id", wanted))
    return httpx.Response(204)


def list_certificates(people: People, query: Any) -> httpx.Response:
    people.told.append(query)
    wanted = {"subscriber_id": query.get("subscriber"), "state": query.get("state")}
    fitting = [c for c in people.certificates if all(v is None or c[k] == v for k, v in wanted.items())]
    return _ok({"items": fitting})


def create_certificate(people: People, body: Any, _wanted: str) -> httpx.Response:
    if "BEGIN" not in body.get("csr", "BEGIN"):
        return _refused(422, "invalid", "This is no signing request.")
    ends = in_days(30)
    issued = {
        "certificate": "-----BEGIN CERTIFICATE-----\n",
        "chain": "-----BEGIN",
        "serial_number": "cc",
        "not_after": ends,
    }
    if body.get("generate"):
        issued |= {"password": "opens-the-file", "download": "/v1/key-files/tok-1", "download_expires_at": EXPIRES}
    return _ok(issued, 201)


def fetch_key_file(people: People, body: Any, token: str) -> httpx.Response:
    if body["password"] != PASSWORD:
        return _refused(401, "invalid-credentials", "Wrong username or password.")
    if token in people.fetched:
        return _refused(410, "gone", "This file was fetched.")
    people.fetched.append(token)
    return httpx.Response(200, content=KEY_FILE)


def revoke(people: People, body: Any, serial: str) -> httpx.Response:
    found = _found(people.certificates, "serial_number", serial)
    found.update(state="revoked", revoked_at=WHEN, revocation_reason=body["reason"])
    return _ok(found)


def create_user(people: People, body: Any) -> httpx.Response:
    people.users.append(user("u-3", body["username"], body["role"]))
    return _ok(people.users[-1], 201)


def change_user(people: People, body: Any, wanted: str) -> httpx.Response:
    found = _found(people.users, "id", wanted)
    if wanted == "u-1" and (body.get("disabled") or "role" in body):
        return _refused(409, "conflict", "The last administrator cannot be removed, disabled or given another role.")
    if "disabled" in body:
        found["disabled_at"] = WHEN if body["disabled"] else None
    found["role"] = body.get("role", found["role"])
    return _ok(found)


def delete_user(people: People, _body: Any, wanted: str) -> httpx.Response:
    people.users.remove(_found(people.users, "id", wanted))
    return httpx.Response(204)


def list_events(people: People, query: Any) -> httpx.Response:
    people.told.append(query)
    if query.get("format") == "csv":
        return httpx.Response(200, content=b"position,at\r\n2,now\r\n")
    return _ok({"items": people.events[: int(query.get("limit", 100))]})


def change_password(_people: People, body: Any) -> httpx.Response:
    if body["current"] == "wrong":
        return _refused(401, "invalid-credentials", "Wrong username or password.")
    return httpx.Response(204)


def begin_otp(people: People, _body: Any) -> httpx.Response:
    if people.has_otp:
        return _refused(409, "conflict", "You have a second factor already. Remove it first.")
    return _ok({"secret": "JBSWY3DPEHPK3PXP", "uri": "otpauth://totp/Signet:ann?secret=JBSWY3DPEHPK3PXP"}, 201)


def confirm_otp(people: People, body: Any) -> httpx.Response:
    if body["code"] != "123456":
        return _refused(401, "invalid-credentials", "The code is wrong.")
    people.has_otp = True
    return _ok({"recovery_codes": ["AAAA-BBBB", "CCCC-DDDD"]})


def renew_recovery_codes(people: People, body: Any) -> httpx.Response:
    if body["code"] != "123456":
        return _refused(401, "invalid-credentials", "The code is wrong.")
    people.recovery_codes = 10
    return _ok({"recovery_codes": ["EEEE-FFFF", "GGGG-HHHH"]})


def remove_otp(people: People, body: Any) -> httpx.Response:
    if body["code"] != "123456":
        return _refused(401, "invalid-credentials", "The code is wrong.")
    people.has_otp = False
    return httpx.Response(204)


@cache
def revocation_list() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Subscribers")])
    made = x509.CertificateRevocationListBuilder(name, NOW - timedelta(hours=3), NOW + timedelta(days=7))
    signed = made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def _list(name: str) -> Callable[..., httpx.Response]:
    return lambda people, *_: _ok({"items": getattr(people, name)})


def _one(name: str, key: str) -> Callable[..., httpx.Response]:
    def view(people: People, _body: Any, wanted: str) -> httpx.Response:
        found = [each for each in getattr(people, name) if each[key] == wanted]
        return _ok(found[0]) if found else _refused(404, "not-found", "There is no such thing.")

    return view


ROLES = [{"role": "expert", "permissions": ["jobs:run"]}, {"role": "admin", "permissions": ["users:manage"]}]
PEOPLE_ROUTES: dict[str, Callable[..., httpx.Response]] = {
    "GET /v1/subscribers": _list("subscribers"),
    "POST /v1/subscribers": create_subscriber,
    "GET /v1/subscribers/([^/]+)": _one("subscribers", "id"),
    "PATCH /v1/subscribers/([^/]+)": change_subscriber,
    "DELETE /v1/subscribers/([^/]+)": delete_subscriber,
    "POST /v1/subscribers/[^/]+/enrolment": lambda *_: _ok({"token": "enrol-me-once", "expires_at": EXPIRES}, 201),
    "POST /v1/subscribers/([^/]+)/certificates": create_certificate,
    "GET /v1/certificates": list_certificates,
    "GET /v1/certificates/([^/]+)": _one("certificates", "serial_number"),
    "POST /v1/certificates/([^/]+)/revoke": revoke,
    "POST /v1/key-files/([^/]+)": fetch_key_file,
    "GET /pki/subscribers.crl": lambda *_: httpx.Response(200, content=revocation_list()),
    "GET /v1/users": _list("users"),
    "POST /v1/users": create_user,
    "GET /v1/users/([^/]+)": _one("users", "id"),
    "PATCH /v1/users/([^/]+)": change_user,
    "DELETE /v1/users/([^/]+)": delete_user,
    "DELETE /v1/users/[^/]+/otp": lambda *_: httpx.Response(204),
    "GET /v1/roles": lambda *_: _ok({"items": ROLES}),
    "GET /v1/audit": list_events,
    "GET /v1/audit/verify": lambda people, *_: _ok(people.verdict),
    "PUT /v1/me/password": change_password,
    "POST /v1/me/otp": begin_otp,
    "POST /v1/me/otp/confirm": confirm_otp,
    "DELETE /v1/me/otp": remove_otp,
    "POST /v1/me/otp/recovery-codes": renew_recovery_codes,
}
