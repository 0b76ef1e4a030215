"""Ways from page to page, by address: what a page shows is in its query, so that it can be sent to somebody else."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st


def _elsewhere() -> None:
    """Stands for a page that the menu holds; Streamlit finds it by its address."""


def _page(address: str, label: str) -> st.Page:
    return st.Page(_elsewhere, url_path="" if address == "home" else address, title=label, default=address == "home")


def link(address: str, label: str, *, icon: str = ":material/arrow_forward:", **query: str) -> None:
    """A link to a page, drawn as one."""
    st.page_link(_page(address, label), label=label, icon=icon, query_params=query or None)


def go(address: str, **query: str) -> NoReturn:
    """Open another page now."""
    st.switch_page(_page(address, address), query_params=query or None)


def chosen(name: str) -> str | None:
    """What the address says under this name."""
    value = st.query_params.get(name)
    if not isinstance(value, str) or not value:
        return None
    # A link to the page that is open tells the server and leaves the browser's address as it was; saying it again sets it there,
    # or the next click would forget what is shown.
    st.query_params[name] = value
    return value
