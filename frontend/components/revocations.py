"""The revocation list that everybody can fetch: how old it is, and what it names."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st
from cryptography import x509

from frontend.components import times, words


def age(der: bytes) -> None:
    """Say when the list was made; a list past its end is an error, for others refuse every certificate then."""
    found = x509.load_der_x509_crl(der)
    made, ends = found.last_update_utc.isoformat(), found.next_update_utc
    told = f"Revocation list: {words.count(len(found), 'certificate')}, made {times.away(made)}"
    if ends is not None and ends <= datetime.now(UTC):
        st.error(
            f"{told}. It ended {times.away(ends.isoformat())}; is the platform's clock right?", icon=":material/error:"
        )
        return
    st.caption(told, help=f"Made {times.utc(made)}, good until {times.utc(ends.isoformat() if ends else None)}")
