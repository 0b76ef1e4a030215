"""Options that carry more than one word."""

import click
import pytest

from backend.cli.words import read_names, read_pairs, read_values


def test_values_read_as_json_where_they_are():
    pairs = ["max_depth=3", "eta=0.1", "verbose=true", "none=null", "name=gain", "text=a=b"]
    assert read_values(pairs) == {
        "max_depth": 3, "eta": 0.1, "verbose": True, "none": None, "name": "gain", "text": "a=b",
    }  # fmt: skip


@pytest.mark.parametrize("pair", ["depth", "=3", " =3"])
def test_pair_without_key_or_sign_is_refused(pair):
    with pytest.raises(click.UsageError, match="key=value"):
        read_pairs([pair])


@pytest.mark.parametrize(
    ("line", "names"),
    [(None, None), ("a,b", ["a", "b"]), ("a, b ", ["a", "b"]), ('"length, cm", b', ["length, cm", "b"]), ("", [])],
)
def test_names_stand_between_commas(line, names):
    assert read_names(line) == names
