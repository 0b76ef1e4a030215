"""Certificates: which there are, which end soon, one in full; issued and revoked."""

from __future__ import annotations

import streamlit as st

from frontend import session
from frontend.components import expiry, links, lists, revocations, states, times, vocabulary, words
from frontend.components.confirm import confirm
from frontend.views import certificate_rows
from signet_client.types import Certificate, Subscriber

YEAR_DAYS = 366
END = {"valid": "Ends", "expired": "Ended", "revoked": "Would have ended", "replaced": "Would have ended"}
SOON = {"7": "7 days", "30": "30 days", "90": "90 days"}


def show() -> None:
    serial = links.chosen("serial")
    if serial:
        links.link("certificates", "All certificates", icon=":material/arrow_back:")
        with states.loading(300):
            certificate = session.api().certificates.get(serial)
        _detail(certificate)
        return
    with states.loading(300):
        subscribers = session.api().subscribers.list()
    if not subscribers:
        states.empty(
            "No certificates, because no service is admitted yet.",
            "Admit the first one",
            "subscribers",
            ":material/hub:",
        )
        return
    active = [each for each in subscribers if each["state"] == "active"]
    if st.button("New certificate", key="issue", type="primary", icon=":material/add:", disabled=not active):
        certificate_rows.issue(active)
    with states.shown_errors("year"):
        _year()
    _filtered(subscribers)


def _year() -> None:
    with states.loading(160):
        valid = session.api().certificates.list(state="valid", expiring_within_days=YEAR_DAYS)
    st.subheader("What ends in the next twelve months", anchor=False)
    expiry.strip(valid)
    with states.shown_errors("crl"):
        revocations.age(session.api().certificates.revocation_list())


def _filtered(subscribers: list[Subscriber]) -> None:
    names = {each["id"]: each["name"] for each in subscribers}
    with st.container(horizontal=True, vertical_alignment="bottom", key="certificate_filters"):
        owner = _choice("Subscriber", "subscriber", names, "All")
        state = _choice("State", "state", {key: look[0] for key, look in _states().items()}, "All")
        soon = _choice("Ends within", "ends_within", SOON, "Any time")
    with states.loading(200):
        found = session.api().certificates.list(
            subscriber_id=owner,
            state=state,  # type: ignore[arg-type]
            expiring_within_days=int(soon) if soon else None,
        )
    if not found:
        filtered = owner or state or soon
        states.empty("No certificate fits these filters." if filtered else "No certificates. Issue the first one.")
        return
    st.subheader(words.count(len(found), "certificate"), anchor=False)
    lists.rows(found, certificate_rows.row, key="certificates")


def _states() -> dict[str, vocabulary.Look]:
    """The states that the API filters by."""
    return {key: look for key, look in vocabulary.CERTIFICATE_STATES.items() if key != "due"}


def _choice(label: str, key: str, options: dict[str, str], every: str) -> str | None:
    """A filter that is part of the address, so that what it shows can be sent to somebody else.

    Streamlit's own binding to the address would also take `serial` out of it when a link of the list is followed.
    """
    keys, asked = list(options), links.chosen(key)
    chosen = st.selectbox(
        label,
        keys,
        index=keys.index(asked) if asked in options else None,
        key=f"filter_{key}",
        format_func=lambda each: options.get(each, each),
        placeholder=every,
        width=220,
    )
    if chosen:
        st.query_params[key] = chosen
    elif asked:
        del st.query_params[key]
    return chosen


def _detail(certificate: Certificate) -> None:
    owner = certificate["subscriber"] or "Removed subscriber"
    st.header(f"Certificate of {owner}", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        vocabulary.badge(vocabulary.CERTIFICATE_STATES, certificate_rows.looks(certificate))
        if certificate["subscriber_id"] and certificate["subscriber"]:
            links.link("subscribers", "Its subscriber", icon=":material/hub:", id=certificate["subscriber_id"])
    _life(certificate)
    if certificate["state"] in {"valid", "replaced"} and st.button("Revoke", key="revoke", icon=":material/block:"):
        _revoke(certificate)
    st.markdown("Serial number")
    st.code(certificate["serial_number"], language=None)
    st.markdown("SHA-256 of the certificate")
    st.code(certificate["fingerprint"], language=None, wrap_lines=True)
    with st.expander("The certificate (PEM)", icon=":material/badge:"):
        st.code(certificate["certificate"], language=None)


def _life(certificate: Certificate) -> None:
    facts = [
        (f"Issued by {states.plain(certificate['issued_by'])}", certificate["issued_at"]),
        ("Can be renewed from", certificate["renewable_from"] if certificate["state"] == "valid" else None),
        ("Replaced; ends", certificate["replaced_at"]),
        (END[certificate["state"]], certificate["not_after"]),
        (f"Revoked ({_reason(certificate)})", certificate["revoked_at"]),
    ]
    for label, moment in facts:
        if moment:
            st.markdown(f"{label}: **{times.local(moment)}**, {times.away(moment)}", help=times.utc(moment))


def _reason(certificate: Certificate) -> str:
    return vocabulary.REASONS.get(certificate["revocation_reason"] or "", "no reason").lower()


def _revoke(certificate: Certificate) -> None:
    owner = certificate["subscriber"] or "removed subscriber"

    def act() -> None:
        session.api().certificates.revoke(certificate["serial_number"], st.session_state["revoke_reason"])

    confirm(
        "Revoke this certificate?",
        f"The certificate **{certificate_rows.short(certificate['serial_number'])}** of **{states.plain(owner)}** is refused from "
        "the next request on, open connections included. Nothing makes it good again: the service needs a new one.",
        act,
        verb="Revoke",
        done="The certificate was revoked.",
        typed=owner,
        more=_ask_reason,
    )


def _ask_reason() -> None:
    reasons = list(vocabulary.REASONS)
    st.selectbox(
        "Reason", reasons, key="revoke_reason", format_func=lambda each: f"{vocabulary.REASONS[each]} ({each})"
    )
