"""The page of experiments: runs for those who train, what tells them apart, their curves and their evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from frontend.components import chosen_runs, differences, parallel, run_evaluation, run_words
from tests.frontend.conftest import Browser
from tests.frontend.stub import PERMISSIONS, StubPlatform, problem
from tests.frontend.stub_runs import BY_HAND, DEEPER, EVALUATIONS, run, run_id

As = Callable[[str], Browser]
MAY = [role for role, permissions in PERMISSIONS.items() if "jobs:read" in permissions]
BOTH = f"{run_id(2)},{run_id(1)}"


def charts(tab: AppTest) -> list[str]:
    """What those who do not see the charts are told."""
    return [each.proto.alt for each in tab.get("vega_lite_chart")]


def rows(tab: AppTest) -> dict[str, list[str]]:
    """The table of values: what stands beside each name."""
    table = tab.table[0].value
    return {line[0]: list(line[1:]) for line in table.itertuples(index=False)}


@pytest.mark.parametrize("role", PERMISSIONS)
def test_those_who_train_see_runs_and_others_are_told_why_not(as_role: As, stub: StubPlatform, role: str) -> None:
    browser = as_role(role)
    tab = browser.open("experiments")
    if role not in MAY:
        assert "Your role does not open" in browser.words()
        assert not [path for _, path in stub.calls if "runs" in path or "experiments" in path]
        return
    (table,) = tab.dataframe
    assert list(table.value["fact:Run"]) == ["mlp", "xgboost-2", "xgboost-1"]
    assert list(table.value["fact:Version"]) == ["", "2", "1 (champion)"]
    assert list(table.value["metric:roc_auc"])[1:] == [0.9, 0.87]
    assert {"param:max_depth", "param:learning_rate"} <= set(table.value)
    assert "param:seed" not in set(table.value)
    assert "titanic at a glance" in browser.words()
    assert "2 runs on the axes" in charts(tab)[0]


def test_times_are_of_the_persons_zone_and_in_utc_on_hover(as_role: As) -> None:
    tab = as_role("scientist").open("experiments", runs=run_id(1))
    (card,) = [each for each in tab.caption if "by expert" in each.value]
    assert "23 Nov 2026, 13:00" in card.value
    assert card.help == "2026-11-23 12:00:01 UTC"
    columns = json.loads(tab.dataframe[0].proto.columns)
    assert columns["fact:Started"]["type_config"]["timezone"] == "Europe/Berlin"


def test_columns_are_chosen(as_role: As) -> None:
    tab = as_role("scientist").open("experiments")
    chooser = next(each for each in tab.multiselect if each.label == "Columns of the table")
    chooser.set_value(["fact:Started (UTC)", "metric:val/accuracy", "param:width"]).run()
    table = tab.dataframe[0].value
    assert list(table) == ["fact:Run", "fact:Started (UTC)", "metric:val/accuracy", "param:width"]
    assert list(table["fact:Started (UTC)"])[-1] == "2026-11-23 12:00:01"
    assert table["param:width"][0] == 64.0


def test_filters_and_the_order_reach_the_platform_by_the_address(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("scientist")
    tab = browser.open(
        "experiments", experiment="titanic", dataset="titanic", state="Done", metric="ROC AUC", at_least="0.88", order="Best Log loss"
    )  # fmt: skip
    assert stub.logged.asked[-1] == {
        "experiment": "titanic", "dataset": "titanic", "state": "succeeded", "metric": "roc_auc", "at_least": "0.88",
        "by_metric": "log_loss", "smallest_first": "true", "limit": "100",
    }  # fmt: skip
    assert list(tab.dataframe[0].value["fact:Run"]) == ["xgboost-2"]
    tab.number_input(key="at_least").set_value(2.0).run()
    assert "No run fits these filters" in browser.words()
    tab.selectbox(key="order").select("Newest first")
    tab.selectbox(key="metric").select_index(None).run()
    assert "at_least" not in stub.logged.asked[-1]
    assert "by_metric" not in stub.logged.asked[-1]


def test_more_is_better_or_worse_as_the_metric_is(as_role: As, stub: StubPlatform) -> None:
    as_role("scientist").open("experiments", order="Best ROC AUC")
    assert stub.logged.asked[-1]["by_metric"] == "roc_auc"
    assert "smallest_first" not in stub.logged.asked[-1]


def test_two_runs_show_their_differences_only_and_the_best_is_marked(as_role: As) -> None:
    browser = as_role("scientist")
    tab = browser.open("experiments")
    tab.multiselect(key=chosen_runs.KEY).set_value([run_id(2), run_id(1)]).run()
    assert not tab.exception
    assert tab.query_params["runs"] == BOTH
    assert "2 runs side by side" in browser.words()
    found = rows(tab)
    assert found["ROC AUC"] == ["**0.9 ★**", "0\\.87"]
    assert found["Log loss"] == ["0\\.45", "**0.43 ★**"]
    assert found["max\\_depth"] == ["9", "6"]
    assert not {"Accuracy", "seed", "test rows", "Dataset"} & set(found)
    tab.toggle(key="differences_only").set_value(False).run()
    found = rows(tab)
    assert found["Accuracy"] == ["0\\.82", "0\\.82"]
    assert found["Dataset"] == ["titanic \\[abababab\\]"] * 2
    assert found["test rows"] == ["179", "179"]


def test_a_comparison_is_an_address_that_can_be_sent(as_role: As) -> None:
    browser = as_role("expert")
    tab = browser.open("experiments", runs=BOTH, experiment="titanic by hand")
    assert "2 runs side by side" in browser.words()
    assert list(tab.dataframe[0].value["fact:Run"]) == ["mlp"]
    links = {each.proto.label: each.proto.url for each in tab.get("link_button")}
    assert links["MLflow"].endswith(run_id(1))


@pytest.mark.parametrize("asked", [run_id(77), "x", f"{run_id(1)},{run_id(77)},../x", ""])
def test_runs_that_are_not_there_are_left_out(as_role: As, asked: str) -> None:
    browser = as_role("expert")
    tab = browser.open("experiments", runs=asked)
    there = run_id(1) in asked
    assert tab.multiselect(key=chosen_runs.KEY).value == ([run_id(1)] if there else [])
    assert ("One run" in browser.words()) is there
    assert tab.query_params.get("runs") == (run_id(1) if there else None)


def test_one_run_shows_all_that_is_known_of_it(as_role: As) -> None:
    browser = as_role("scientist")
    tab = browser.open("experiments", runs=run_id(9))
    found = rows(tab)
    assert found["val/accuracy"] == ["0\\.85"]
    assert found["val/odd"] == ["\\-"]
    assert found["idea"] == ["wider"]
    assert found["State"] == ["Failed"]
    assert not tab.toggle


def test_curves_step_by_step(as_role: As, stub: StubPlatform) -> None:
    browser = as_role("scientist")
    tab = browser.open("experiments", runs=f"{BOTH},{run_id(9)}", look="Curves")
    (told,) = charts(tab)
    assert "validation logloss step by step" in told
    assert "best 0.4 at step 2" in told.replace("\\", "")
    assert list(tab.table[0].value["At step"]) == ["2", "2"]
    assert list(tab.table[0].value["Last"]) == ["0\\.5", "0\\.4"]
    assert "Without this metric step by step: titanic by hand mlp" in browser.words().replace("\\", "")
    tab.selectbox(key="curve").select("val/accuracy").run()
    assert ("GET", "/v1/metric-curves") in stub.calls
    assert "best 0.7 at step 1" in charts(tab)[0].replace("\\", "")


def test_runs_without_steps_say_so(as_role: As, stub: StubPlatform) -> None:
    stub.logged.runs = [run(1, curves=[])]
    browser = as_role("scientist")
    browser.open("experiments", runs=run_id(1), look="Curves")
    assert "logged a metric step by step" in browser.words()


def test_parallel_coordinates_of_the_chosen_runs(as_role: As) -> None:
    tab = as_role("scientist").open("experiments", runs=run_id(2), look="Parallel coordinates")
    (told,) = charts(tab)
    assert told == "Parallel coordinates: 2 runs on the axes learning_rate, max_depth, ROC AUC, Accuracy."
    axes = next(each for each in tab.multiselect if each.label.startswith("Axes"))
    axes.set_value(["metric:accuracy"]).run()
    assert not charts(tab)


@pytest.mark.parametrize(
    ("task", "shown"),
    [
        ("binary", {"Truth and prediction", "ROC", "PR", "What the model goes by"}),
        ("multiclass", {"Truth and prediction", "ROC", "PR"}),
        ("regression", {"predicted_vs_actual", "residuals", "What the model goes by"}),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_evaluation_of_each_task(as_role: As, stub: StubPlatform, task: str, shown: set[str], count: int) -> None:
    stub.logged.runs = [run(n, task=task) for n in range(1, count + 1)]
    browser = as_role("scientist")
    tab = browser.open("experiments", runs=",".join(run_id(n) for n in range(1, count + 1)), look="Evaluation")
    assert {title for title in shown if any(told.startswith(title) for told in charts(tab))} == shown
    assert not tab.error
    if task == "binary" and count > 1:
        told = next(told for told in charts(tab) if told.startswith("ROC of"))
        assert "v1 xgboost-1 · AUC 0.87; v2 xgboost-2 · AUC 0.87" in told
    if task == "multiclass":
        classes = [each for each in tab.selectbox if each.key == "curves_of"]
        assert [list(each.options) for each in classes] == ([["ant", "bee", "cat"]] if count > 1 else [])
    if count == 1 and task != "regression":
        assert list(tab.table[0].value["Rows"]) == (["10", "10"] if task == "binary" else ["11", "11", "11"])


def test_a_run_without_an_evaluation_says_so_beside_others(as_role: As) -> None:
    browser = as_role("scientist")
    tab = browser.open("experiments", runs=f"{run_id(9)},{run_id(1)}", look="Evaluation")
    assert "This run kept no evaluation" in tab.info[0].value
    assert "titanic by hand mlp" in tab.info[0].value
    assert len(charts(tab)) == 4


def test_without_a_run_the_page_says_what_to_do(as_role: As, stub: StubPlatform) -> None:
    stub.logged.runs = []
    browser = as_role("expert")
    tab = browser.open("experiments")
    assert "There is no run yet" in browser.words()
    assert [each.proto.page for each in tab.get("page_link")] == ["train"]


def test_many_runs_come_in_parts(as_role: As, stub: StubPlatform) -> None:
    stub.logged.runs = [run(n, started_at=None, finished_at=None) for n in range(130)]
    browser = as_role("expert")
    tab = browser.open("experiments")
    assert "The first 100 runs" in browser.words()
    tab.button(key="more_runs").click().run()
    assert len(tab.dataframe[0].value) == 130
    assert "130 runs." in browser.words()


@pytest.mark.parametrize(
    ("path", "part", "query"),
    [
        ("/v1/runs", "page", {}),
        ("/v1/experiments", "page", {}),
        ("/v1/metric-curves", "look", {"runs": run_id(1), "look": "Curves"}),
        (f"/v1/runs/{run_id(1)}/plots", "look", {"runs": run_id(1), "look": "Evaluation"}),
    ],
    ids=["runs", "experiments", "curves", "plots"],
)
def test_a_failed_call_shows_the_request_id_and_can_be_tried_again(
    as_role: As, stub: StubPlatform, path: str, part: str, query: dict[str, str]
) -> None:
    browser = as_role("scientist")
    stub.refusals["GET", path] = problem(503, "not-ready", "MLflow does not answer at the moment.")
    tab = browser.open("experiments", **query)
    assert "MLflow does not answer" in tab.error[0].value
    assert "req-42" in browser.words()
    del stub.refusals["GET", path]
    tab.button(key=f"again_{part}").click().run()
    assert not tab.error
    assert charts(tab)


def test_names_of_other_people_are_shown_as_they_are(as_role: As, stub: StubPlatform) -> None:
    wild = "*b* [x](http://x) $1$ <b>"
    stub.logged.runs = [run(1, name=wild, tags={wild: wild}, version=None), run(2)]
    browser = as_role("scientist")
    tab = browser.open("experiments", runs=BOTH)
    assert not tab.exception
    assert wild not in browser.words()
    assert "[x](http" not in "".join(map(str, [*tab.table[0].value.columns, *rows(tab)]))


def test_why_metrics_cannot_be_held_against_each_other() -> None:
    def why(*runs: Any) -> str:
        return " ".join(differences.reasons(runs))

    other_data = run(3, datasets=[{"name": "titanic", "digest": "cd" * 8, "id": "d-2"}])
    other_target = run(4, params={**run(4)["params"], "target": "fare"})
    other_seed = run(5, params={**run(5)["params"], "seed": "7"})
    assert why(run(1), DEEPER) == ""
    assert "different tables" in why(run(1), other_data)
    assert "different columns" in why(run(1), other_target)
    assert "different seeds" in why(run(1), other_seed)
    assert "different tables" in why(run(1), BY_HAND)


@pytest.mark.parametrize(
    ("metric", "more"),
    [
        ("roc_auc", True), ("rmse", False), ("validation_mlogloss", False), ("val/accuracy", True), ("val_f1", True), ("mean_err", False),
        ("test_rows", None), ("speed", None), ("top5-acc", True), ("valid.MAE", False),
    ],
)  # fmt: skip
def test_which_way_a_metric_is_better(metric: str, more: bool | None) -> None:  # noqa: FBT001
    assert run_words.more_is_better(metric) is more


def test_the_best_needs_somebody_who_is_worse() -> None:
    assert run_words.best("loss", {"a": 0.1, "b": 0.2, "c": 0.1, "d": None}) == {"a", "c"}
    assert run_words.best("loss", {"a": 0.1, "b": 0.1}) == set()
    assert run_words.best("loss", {"a": 0.1, "b": None}) == set()
    assert run_words.best("speed", {"a": 1.0, "b": 2.0}) == set()


def test_an_axis_of_numbers_is_logarithmic_where_they_are_far_apart() -> None:
    runs: Any = [
        run(n, params={"rate": rate, "kind": kind})
        for n, (rate, kind) in enumerate([("0.001", "b"), ("0.1", "a"), ("0.01", "c")])
    ]
    rate, kind = parallel.axis(runs, "param:rate"), parallel.axis(runs, "param:kind")
    assert rate is not None
    assert kind is not None
    assert (rate.title, rate.places) == ("rate, logarithmic", [0, pytest.approx(1), pytest.approx(0.5)])
    assert rate.ticks == [(0.0, "0.001"), (1.0, "0.1")]
    assert (kind.places, [text for _, text in kind.ticks]) == ([0.5, 0, 1], ["a", "b", "c"])
    assert parallel.axis(runs, "metric:nothing") is None


def test_an_axis_with_one_value_and_with_gaps() -> None:
    runs: Any = [run(1, params={"n": "5"}), run(2, params={}), run(3, params={"n": "5"})]
    found = parallel.axis(runs, "param:n")
    assert found is not None
    assert (found.places, found.ticks, found.texts) == ([0.5, None, 0.5], [(0.5, "5")], ["5", "-", "5"])


def test_precision_and_recall_of_each_class_are_counted_from_the_matrix() -> None:
    matrix: Any = {
        **EVALUATIONS["binary"][0],
        "labels": ["no", "yes", "never"],
        "counts": [[8, 2, 0], [1, 4, 0], [0, 0, 0]],
    }
    no, yes, never = run_evaluation.classes(matrix)
    assert (no["Precision"], no["Recall"], no["Rows"]) == ("0\\.889", "0\\.800", "10")
    assert yes["F1"] == "0\\.727"
    assert (never["Precision"], never["Recall"], never["F1"], never["Rows"]) == ("\\-", "\\-", "\\-", "0")


@pytest.mark.parametrize(("address", "query"), [("jobs", {"id": "j-1"}), ("models", {"model": "titanic"})])
def test_trainings_and_versions_lead_here(as_role: As, stub: StubPlatform, address: str, query: dict[str, str]) -> None:
    stub.jobs[0]["run_id"] = run_id(1)
    stub.models[0]["versions"][1]["run_id"] = run_id(1)
    tab = as_role("scientist").open(address, **query)
    (link,) = [each.proto for each in tab.get("page_link") if each.proto.label == "Compare with other runs"]
    assert link.page == "experiments"
    assert dict(parse_qsl(link.query_string)) == {"experiment": "titanic", "runs": run_id(1)}
