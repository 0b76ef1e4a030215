"""The pieces that pages are built from: words, times, plots, settings and the command that starts the app."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit import config

from backend.audit.events import Event
from backend.identity.certificates import CertificateState
from backend.identity.principal import Permission, Role
from backend.pki.revocation import REASONS
from frontend import launch
from frontend.components import contributions, expiry, journal, passwords, plots, times, vocabulary, words
from frontend.components.schema_form import may_be_empty
from frontend.components.states import plain
from frontend.settings import Settings, read_settings
from frontend.views.train import likely_target, likely_task
from tests.frontend.stub import PLOTS

FRONTEND = Path(launch.__file__).parent


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.87123, "0.8712"), (3, "3"), (1234567, "1,234,567"), (12345.6, "12,346"), (2.0, "2"), (None, "-"), (True, "True"), ("a", "a"),
     (float("nan"), "nan"), (1e-7, "1e-07")],
)  # fmt: skip
def test_numbers(value: object, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (57018, "57.0 kB"), (2_147_483_648, "2.1 GB"), (5e12, "5,000.0 GB")]
)
def test_sizes(count: float, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("text", "slug"),
    [("My Titanic.csv", "my-titanic-csv"), ("Überschuß", "bersch"), ("  ", "model"), ("a" * 99, "a" * 63)],
)
def test_model_names(text: str, slug: str) -> None:
    assert words.slug(text).startswith(slug)


def test_times_without_a_browser_are_utc() -> None:
    assert times.local("2026-11-23T12:00:00Z") == "23 Nov 2026, 12:00"
    assert times.local("2026-11-23T12:00:00") == "23 Nov 2026, 12:00"
    assert times.utc("2026-11-23T13:00:00+01:00") == "2026-11-23 12:00:00 UTC"
    assert times.local(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "under 1 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (7325, "2 h 2 min")]
)
def test_durations(seconds: int, text: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert times.took(start.isoformat(), (start + timedelta(seconds=seconds)).isoformat()) == text


@pytest.mark.parametrize("plot", PLOTS, ids=[plot["form"] for plot in PLOTS])
def test_each_form_of_plot_becomes_a_chart(plot: Any) -> None:
    spec = plots.FORMS[plot["form"]](plot).to_dict()
    assert "layer" in spec or "mark" in spec


def test_a_plot_without_points_is_still_a_chart() -> None:
    empty: Any = {"name": "roc", "title": "t", "form": "lines", "x_label": "x", "y_label": "y", "series": []}
    assert plots.FORMS["lines"](empty).to_dict()


@pytest.mark.parametrize("text", ["**b**", "[x](https://a.test)", "<b>", ":material/home:", "$x$", "a_b", "~s~"])
def test_plain_text_is_not_markup(text: str) -> None:
    escaped = plain(text)
    assert escaped.replace("\\", "") == text
    assert escaped.count("\\") >= 1


@pytest.mark.parametrize(
    ("schema", "empty"),
    [
        ({"type": ["number", "null"]}, True),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, True),
        ({"type": "number"}, False),
    ],
)
def test_which_values_may_be_empty(schema: Any, empty: object) -> None:
    assert may_be_empty(schema) is empty


def column(name: str, kind: str, distinct: int) -> Any:
    return {"name": name, "type": kind, "missing": 0, "distinct": distinct}


def test_the_target_is_guessed() -> None:
    assert likely_target([column("a", "number", 9), column("Survived", "integer", 2), column("b", "number", 9)]) == 1
    assert likely_target([column("a", "number", 9), column("b", "number", 9)]) == 1
    assert likely_target([column("mpg", "number", 9), column("price", "number", 9)], "MPG") == 0


@pytest.mark.parametrize(
    ("kind", "distinct", "task"),
    [
        ("integer", 2, "binary"),
        ("category", 3, "multiclass"),
        ("number", 90, "regression"),
        ("integer", 90, "regression"),
    ],
)
def test_the_task_is_guessed(kind: str, distinct: int, task: str) -> None:
    assert likely_task(column("t", kind, distinct)) == task


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    settings = read_settings({"SIGNET_HOME": str(tmp_path), "SIGNET_PORT": "9443", "SIGNET_UI_PORT": "9501"})
    assert settings.api_url == "https://localhost:9443"
    assert settings.ca == tmp_path / "certs" / "ca.pem"
    assert (settings.port, settings.bind) == (9501, "127.0.0.1")
    assert read_settings({"SIGNET_API_URL": "https://api.test"}).api_url == "https://api.test"
    inside = read_settings({"SIGNET_API_URL": "https://api.test", "SIGNET_API_INTERNAL_URL": "https://proxy:8443"})
    assert (inside.api_url, inside.reached_at, settings.reached_at) == (
        "https://api.test",
        "https://proxy:8443",
        settings.api_url,
    )
    with pytest.raises(ValueError, match="SIGNET_UI_PORT"):
        read_settings({"SIGNET_UI_PORT": "http"})


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("", ""),
        ("https://signet.test", "https://signet.test"),
        ("https://Signet.test:443", "https://signet.test"),
        ("https://signet.test:9443", "https://signet.test:9443"),
    ],
)
def test_the_public_origin_is_known_as_browsers_write_it(given: str, known: str) -> None:
    assert read_settings({"SIGNET_WEB_ORIGIN": given}).web_origin == known


@pytest.mark.parametrize(
    "given", ["signet.test", "http://signet.test", "https://signet.test/", "https://a@signet.test"]
)
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="SIGNET_WEB_ORIGIN"):
        read_settings({"SIGNET_WEB_ORIGIN": given})


def test_the_command_speaks_tls(ui_settings: Settings) -> None:
    words_ = launch.command(ui_settings)
    assert words_[1:4] == ["-m", "streamlit", "run"]
    assert Path(words_[4]).is_file()
    assert f"--server.sslCertFile={ui_settings.home}/certs/server.pem" in words_
    assert f"--server.sslKeyFile={ui_settings.home}/certs/server.key" in words_


def options() -> dict[str, Any]:
    """`section.option` of the configuration that is shipped."""
    found = tomllib.loads((FRONTEND / ".streamlit" / "config.toml").read_text())
    return {f"{section}.{name}": value for section, values in found.items() for name, value in values.items()}


def test_streamlit_knows_every_option() -> None:
    assert {name for name in options() if not name.startswith("theme.")} <= set(config._config_options_template)


def test_the_configuration_is_the_safe_one() -> None:
    shipped = options()
    assert shipped["browser.gatherUsageStats"] is False
    assert shipped["client.showErrorDetails"] == "none"
    assert shipped["client.toolbarMode"] == "minimal"
    assert shipped["server.fileWatcherType"] == "none"
    assert shipped["server.enableXsrfProtection"] is True
    assert "x-signet-session" in shipped["server.trustedUserHeaders"]


ALLOWED = {
    "https://signet.example.org,",
    "https://localhost:{port}",
    "https://{connection.headers.get(",
}


def test_nothing_is_fetched_from_another_host() -> None:
    texts = {
        path: path.read_text()
        for path in FRONTEND.rglob("*")
        if path.suffix in {".py", ".js", ".css", ".html", ".toml"}
    }
    assert len(texts) > 20
    for path, text in texts.items():
        assert "http://" not in text, path
        # One example in a message, and what is put together from settings.
        assert set(re.findall(r"https://(?!\[\^)[^\s'\"]*", text)) <= ALLOWED, path


def test_only_one_module_knows_the_library_of_the_form() -> None:
    users = [path.name for path in FRONTEND.rglob("*.py") if "import streamlit_authenticator" in path.read_text()]
    assert users == ["authenticator.py"]


def test_the_pinned_streamlit_is_the_one_that_was_tried() -> None:
    assert st.__version__ == "1.67.0"


@pytest.mark.parametrize(
    ("ahead", "text"),
    [(0, "now"), (90, "in 1 minute"), (-7300, "2 hours ago"), (86400 * 19 + 60, "in 19 days"), (-86401, "1 day ago")],
)
def test_how_far_away_a_moment_is(ahead: float, text: str) -> None:
    assert times.away((datetime.now(UTC) + timedelta(seconds=ahead + (1 if ahead > 0 else 0))).isoformat()) == text


def test_every_act_role_permission_and_reason_of_the_platform_has_words() -> None:
    assert set(vocabulary.EVENTS) == {str(event) for event in Event}
    assert set(vocabulary.ROLES) == {str(role) for role in Role}
    assert set(vocabulary.PERMISSIONS) == {str(permission) for permission in Permission}
    assert tuple(vocabulary.REASONS) == REASONS
    assert set(vocabulary.CERTIFICATE_STATES) == {str(state) for state in CertificateState} | {"due"}


def test_the_coming_months_cross_the_year() -> None:
    months = expiry.coming_months(datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert (months[0], months[1], months[2], months[-1], len(months)) == (
        "Nov 2026",
        "Dec 2026",
        "Jan 2027",
        "Oct 2027",
        12,
    )


def test_the_strip_says_in_words_what_it_shows() -> None:
    assert expiry.in_words(["Nov 2026"], Counter({"Nov 2026": 2})) == (
        "Ends of valid certificates by month: 2 certificates in Nov 2026."
    )
    assert "none in the coming year" in expiry.in_words(["Nov 2026"], Counter())


def test_made_passwords_are_long_and_differ() -> None:
    made = {passwords.new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(each) == 23 and not set("0O1lI") & set(each) for each in made)


def test_details_of_an_event_in_words() -> None:
    details = {"models": ["iris", "titanic"], "rate_per_minute": None, "name": "b"}
    assert journal.in_words(details) == "models: iris, titanic; rate per minute: none; name: b"


def test_the_columns_that_count_most_are_bars_of_their_own() -> None:
    told = {f"c{number}": number * (-1.0) ** number for number in range(20)}
    frame = contributions.bars(told, {"c19": None, "c18": 2.5, "c17": "x"}, contributions.SIDES)
    assert list(frame["column"])[:3] == ["c19 = missing", "c18 = 2.5", "c17 = x"]
    assert (frame["column"].iloc[-1], frame["contribution"].sum()) == ("8 other columns", sum(told.values()))
    assert list(frame["side"])[:2] == ["against it", "for it"]
