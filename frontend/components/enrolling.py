"""What a service does with its enrolment token, as lines to copy."""

from __future__ import annotations

import streamlit as st

from frontend.components import times
from frontend.components.download import download
from frontend.settings import load_settings
from signet_client.types import EnrolmentToken

# The token goes through a builtin of the shell and standard input, so that no list of processes shows it.
LINES = """\
umask 077
platform={platform}
token={token}
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
  -keyout new.key -subj / -outform DER 2>/dev/null | openssl base64 -out request
printf 'user = "service:%s"\\n' "$token" |
  curl -sS --fail-with-body -K - --cacert ca.pem -H 'Content-Type: application/pkcs10' \\
    --data-binary @request -o answer "$platform/.well-known/est/simpleenroll"
openssl base64 -d -in answer | openssl pkcs7 -inform DER -print_certs | openssl x509 -out client.pem
cat new.key >> client.pem && rm -f new.key request answer
"""


def show_token(made: EnrolmentToken) -> None:
    """The token, how long it is good, and the lines that turn it into a certificate."""
    expires_at = made["expires_at"]
    st.markdown(
        f"It works once, until **{times.local(expires_at)}**. Hand it over in a way that you trust.",
        help=times.utc(expires_at),
    )
    st.code(made["token"], language=None, wrap_lines=True)
    st.markdown("On the service's machine, with `openssl`, `curl` and the file `ca.pem`:")
    lines = LINES.format(platform=load_settings().api_url, token=made["token"])
    st.code(lines, language="bash", wrap_lines=True)
    st.caption("`client.pem` then holds the certificate and its key, which was made there and never left.")
    download("Save ca.pem", "/ui/downloads/ca", key="download_ca", filename="ca.pem")
