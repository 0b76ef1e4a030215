"""Algorithms, listed and tried from the terminal."""

from backend.algorithms import catalog
from backend.algorithms.linear import LinearModel


class Forgetful(LinearModel):
    """Breaks the contract: it gives no probabilities."""

    name = "forgetful"
    title = "Forgetful [red]model"

    def predict_proba(self, X):
        raise NotImplementedError


def test_list_names_the_built_in_ones(terminal):
    listed = terminal.json("algorithm", "list")
    assert [one["name"] for one in listed][:2] == ["xgboost", "linear"]
    assert all("cause" not in one for one in listed)
    assert "xgboost" in terminal("algorithm", "list").stdout


def test_one_that_keeps_the_contract_passes(terminal):
    result = terminal("algorithm", "check", "linear")
    assert result.exit_code == 0
    assert "keeps all" in result.stderr


def test_one_that_breaks_it_fails_and_says_where(terminal, monkeypatch):
    monkeypatch.setattr(catalog, "ALGORITHMS", {"forgetful": Forgetful})
    result = terminal("algorithm", "check", "forgetful")
    assert result.exit_code == 1
    assert "rules of the contract" in result.stderr
    assert "Forgetful [red]model" in " ".join(terminal("algorithm", "list").stdout.split())


def test_unknown_one_is_bad_input(terminal):
    assert terminal("algorithm", "check", "magic").exit_code == 2
