"""The words of admission and of the journal: states, reasons, roles, permissions and events as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

Look = tuple[str, str, str]

SUBSCRIBER_STATES: Mapping[str, Look] = {
    "active": ("Active", "green", ":material/check_circle:"),
    "suspended": ("Suspended", "orange", ":material/pause_circle:"),
}
CERTIFICATE_STATES: Mapping[str, Look] = {
    "valid": ("Valid", "green", ":material/verified:"),
    "due": ("Renewal due", "orange", ":material/schedule:"),
    "replaced": ("Replaced", "gray", ":material/history:"),
    "expired": ("Expired", "gray", ":material/event_busy:"),
    "revoked": ("Revoked", "red", ":material/block:"),
}
USER_STATES: Mapping[str, Look] = {
    "active": ("Active", "green", ":material/check_circle:"),
    "disabled": ("Disabled", "orange", ":material/person_off:"),
}
# RFC 5280's words, with what a person knows them by; the API takes the words.
REASONS = {
    "unspecified": "No particular reason",
    "keyCompromise": "The key was stolen, lost or shown",
    "cACompromise": "The issuing authority cannot be trusted",
    "affiliationChanged": "It belongs to somebody else now",
    "superseded": "Replaced by another certificate",
    "cessationOfOperation": "The service is no longer used",
    "certificateHold": "Held back for a while",
    "privilegeWithdrawn": "The service may no longer do what it was for",
    "aACompromise": "The authority of its attributes cannot be trusted",
}
ROLES = {
    "admin": "Administrator",
    "manager": "Manager",
    "scientist": "Data scientist",
    "expert": "Domain expert",
}
PERMISSIONS = {
    "users:manage": "keep users",
    "datasets:read": "see datasets",
    "datasets:write": "upload and delete datasets",
    "jobs:read": "see training",
    "jobs:run": "train",
    "models:read": "see models",
    "models:promote": "promote models",
    "models:predict": "ask models",
    "subscribers:manage": "keep subscribers and their certificates",
    "traffic:read": "see how predictions fare",
    "metrics:read": "collect metrics",
    "audit:read": "read the journal",
}
EVENTS = {
    "person.signed_in": "Signed in",
    "person.sign_in_failed": "Sign-in failed",
    "session.ended": "Signed out",
    "session.reused": "Stolen session found",
    "user.created": "User created",
    "user.changed": "User changed",
    "user.deleted": "User deleted",
    "user.password_changed": "Password changed",
    "second_factor.added": "Second factor added",
    "second_factor.removed": "Second factor removed",
    "second_factor.reset": "Second factor reset",
    "recovery_code.used": "Recovery code used",
    "recovery_codes.renewed": "Recovery codes renewed",
    "subscriber.created": "Subscriber created",
    "subscriber.changed": "Subscriber changed",
    "subscriber.suspended": "Subscriber suspended",
    "subscriber.resumed": "Subscriber resumed",
    "subscriber.deleted": "Subscriber deleted",
    "enrolment.created": "Enrolment token made",
    "enrolment.used": "Enrolment token used",
    "certificate.issued": "Certificate issued",
    "certificate.renewed": "Certificate renewed",
    "certificate.revoked": "Certificate revoked",
    "certificate.downloaded": "Key file fetched",
    "revocation_list.issued": "Revocation list issued",
    "root_key.removed": "Root key taken away",
    "root_key.returned": "Root key returned",
    "token.issued": "Token issued",
    "model.promoted": "Model promoted",
    "model.swap_failed": "Model not swapped",
    "model.alias_removed": "Alias removed",
    "model.renamed": "Model renamed",
    "model.deleted": "Model or version deleted",
    "dataset.deleted": "Dataset deleted",
    "platform.backed_up": "Backup made",
    "platform.restored": "Restored from a backup",
    "request.refused": "Request refused",
}
OUTCOMES = {"done": "Done", "refused": "Refused", "failed": "Failed"}


def badge(looks: Mapping[str, Look], state: str) -> None:
    """A state as a word, an icon and a colour."""
    label, color, icon = looks.get(state, (state, "gray", ":material/help:"))
    st.badge(label, icon=icon, color=color)  # type: ignore[arg-type]
