"""Users: who signs in, in which role; admitted, changed, disabled, removed. The API keeps the last administrator."""

from __future__ import annotations

from functools import partial
from typing import cast

import streamlit as st

from frontend import session
from frontend.components import links, lists, once, states, times, vocabulary, words
from frontend.components.passwords import new_password, show_password
from frontend.views import user
from signet_client.types import Role, RolePermissions, User


def show() -> None:
    user_id = links.chosen("id")
    if user_id:
        user.show(user_id)
        return
    if st.button("New user", key="new_user", type="primary", icon=":material/person_add:"):
        _create()
    with states.loading(200):
        found = session.api().users.list()
    if not found:
        states.empty("There are no users.")
        return
    st.subheader(words.count(len(found), "user"), anchor=False)
    lists.rows(found, row, key="users")
    with st.expander("What each role may do", icon=":material/shield_person:"), states.shown_errors("roles"):
        roles_table(session.api().users.roles())


def row(each: User) -> None:
    """One user in a list."""
    name, role, when = st.columns([4, 3, 3], vertical_alignment="center")
    with name:
        links.link("users", states.plain(each["username"]), icon=":material/person:", id=each["id"])
    with role:
        st.markdown(vocabulary.ROLES.get(each["role"], each["role"]))
        marks(each)
    when.caption(f"since {times.local(each['created_at'])}", help=times.utc(each["created_at"]))


def marks(each: User) -> None:
    """What is special about a user."""
    with st.container(horizontal=True):
        if each["disabled_at"]:
            vocabulary.badge(vocabulary.USER_STATES, "disabled")
        if each.get("second_factor"):
            st.badge("Second factor", icon=":material/phonelink_lock:", color="green")


def roles_table(found: list[RolePermissions]) -> None:
    """Roles as columns, permissions as rows: the API's own table."""
    may = {each["role"]: set(each["permissions"]) for each in found}
    permissions = sorted(set().union(*may.values())) if may else []
    rows = [
        {"May": vocabulary.PERMISSIONS.get(permission, permission)}
        | {vocabulary.ROLES.get(role, role): permission in allowed for role, allowed in may.items()}
        for permission in permissions
    ]
    st.dataframe(rows, hide_index=True, alt="What each role may do")


def _create() -> None:
    @st.dialog("New user")
    def form() -> None:
        username = st.text_input("Username", key="create_username", max_chars=64, autocomplete="off").strip()
        role = st.selectbox(
            "Role", list(vocabulary.ROLES), index=None, key="create_role", format_func=vocabulary.ROLES.__getitem__
        )
        st.caption("The password is made here and shown once.")
        with states.shown_errors("create"):
            if st.button("Create", key="create_user", type="primary", disabled=not (username and role)):
                password = new_password()
                made = session.api().users.create(username, password, cast("Role", role))
                once.tell(f"{made['username']} can sign in", partial(show_password, made["username"], password))

    form()
