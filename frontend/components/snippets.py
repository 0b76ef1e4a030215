"""The same question from a program: by curl and in Python, with a client certificate and with a token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

import streamlit as st

from frontend.settings import load_settings
from signet_client.types import Value

TOKEN, CERTIFICATE = "With a token", "With a client certificate"
PROOFS = {
    TOKEN: "For people: `$TOKEN` is the `access_token` that `POST /login` answers with.",
    CERTIFICATE: "For services: certificate and key of a subscriber, as PEM files.",
}


def snippets(model: str, version: str | None, row: Mapping[str, Value]) -> None:
    """Draw them, to be copied."""
    with st.expander("The same from a program", icon=":material/terminal:"):
        for place, (proof, about) in zip(st.tabs(list(PROOFS)), PROOFS.items(), strict=True):
            with place:
                st.caption(about)
                st.code(curl(model, version, row, proof), language="bash", wrap_lines=True)
                st.code(python(model, version, row, proof), language="python", wrap_lines=True)


def curl(model: str, version: str | None, row: Mapping[str, Value], proof: str) -> str:
    """A command for a shell."""
    settings = load_settings()
    query = f"?version={version}" if version else ""
    body = json.dumps({"features": row}, ensure_ascii=False).replace("'", "'\\''")
    shown = '-H "Authorization: Bearer $TOKEN"' if proof == TOKEN else "--cert client.pem --key client.key"
    return (
        f"curl --cacert {settings.ca} {shown} \\\n"
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{body}' \\\n"
        f"  '{settings.api_url}/v1/models/{quote(model, safe='')}/predict{query}'"
    )


def python(model: str, version: str | None, row: Mapping[str, Value], proof: str) -> str:
    """A program that uses the client package."""
    settings = load_settings()
    shown = 'token=os.environ["TOKEN"]' if proof == TOKEN else 'certificate=("client.pem", "client.key")'
    chosen = f", version={version!r}" if version else ""
    return "\n".join(
        [
            *(["import os", ""] if proof == TOKEN else []),
            "from signet_client import Signet",
            "",
            f"with Signet({settings.api_url!r}, ca={str(settings.ca)!r}, {shown}) as signet:",
            f"    answer = signet.predict({dict(row)!r}, model={model!r}{chosen})",
            '    print(answer["prediction"])',
        ]
    )
