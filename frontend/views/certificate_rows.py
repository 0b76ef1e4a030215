"""Certificates as rows, and how new ones are made: from a signing request, or with a key that the platform makes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from frontend import session
from frontend.components import links, once, states, times, vocabulary
from frontend.components.download import download
from signet_client.types import Certificate, Issued, MadeKey, Subscriber

OWN, MADE = "A signing request of the service", "A key made here"


def looks(certificate: Certificate) -> str:
    """The state, told apart further: a valid one that could have been renewed by now is due."""
    due = times.parsed(certificate["renewable_from"])
    if certificate["state"] == "valid" and due and due <= datetime.now(UTC):
        return "due"
    return certificate["state"]


def short(serial_number: str) -> str:
    """As much of a serial number as tells it apart."""
    return f"{serial_number[:8]}…" if len(serial_number) > 9 else serial_number


def row(certificate: Certificate) -> None:
    """One certificate in a list."""
    name, state, end = st.columns([4, 2, 3], vertical_alignment="center")
    with name:
        serial = certificate["serial_number"]
        owner = certificate["subscriber"] or "removed subscriber"
        links.link("certificates", f"{states.plain(owner)} · {short(serial)}", icon=":material/badge:", serial=serial)
    with state:
        vocabulary.badge(vocabulary.CERTIFICATE_STATES, looks(certificate))
    with end:
        _end(certificate)


def _end(certificate: Certificate) -> None:
    if certificate["revoked_at"]:
        reason = vocabulary.REASONS.get(certificate["revocation_reason"] or "", "")
        st.caption(
            f"since {times.local(certificate['revoked_at'])}: {reason.lower()}",
            help=times.utc(certificate["revoked_at"]),
        )
        return
    ends = certificate["replaced_at"] or certificate["not_after"]
    st.caption(f"{_verb(ends)} {times.local(ends)}, {times.away(ends)}", help=times.utc(ends))


def _verb(moment: str) -> str:
    found = times.parsed(moment)
    return "ends" if found and found > datetime.now(UTC) else "ended"


def issue(subscribers: list[Subscriber]) -> None:
    """Open the form for a new certificate of one of these subscribers."""

    @st.dialog("New certificate", width="medium")
    def form() -> None:
        labels = {each["id"]: each["name"] for each in subscribers}
        owner = st.selectbox("Subscriber", list(labels), key="issue_owner", format_func=lambda each: labels[each])
        way = st.radio("Key", [OWN, MADE], key="issue_way")
        request = ""
        if way == OWN:
            request = st.text_area("Signing request (PEM)", key="issue_csr", height=180, placeholder="-----BEGIN …")
            st.caption("Only its public key is used; the platform decides what the certificate says.")
        else:
            st.caption("For services that cannot make a key. It is better when the key never leaves its owner.")
        with states.shown_errors("issue"):
            if st.button("Issue", key="issue_yes", type="primary", disabled=way == OWN and not request.strip()):
                _issue(owner, request)

    form()


def _issue(subscriber_id: str, request: str) -> None:
    certificates = session.api().certificates
    if request:
        once_issued = certificates.issue(subscriber_id, request.strip() + "\n")
        once.tell("The certificate", partial(_show_issued, once_issued), secret=False)
    made = certificates.make_key(subscriber_id)
    once.tell("The key file", partial(_show_made, made))


def _show_issued(issued: Issued) -> None:
    ends = issued["not_after"]
    st.markdown(f"It is good until **{times.local(ends)}**.", help=times.utc(ends))
    st.code(issued["certificate"] + issued["chain"], language=None, height=320)
    st.caption("The certificate, then what signed it.")


def _show_made(made: MadeKey) -> None:
    st.markdown("Password of the file")
    st.code(made["password"], language=None)
    token = made["download"].rpartition("/")[2]
    download(
        "Save the key file (PKCS#12)",
        "/ui/downloads/key-file",
        key=f"download_key_{made['serial_number']}",
        filename="subscriber.p12",
        body={"token": token},
        once=True,
        proof=True,
    )
    ends = made["download_expires_at"]
    st.caption(
        f"The file can be fetched once, until {times.local(ends)}; then it is gone, and nobody has the key but you.",
        help=times.utc(ends),
    )
