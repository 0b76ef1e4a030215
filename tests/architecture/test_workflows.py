"""The workflows of the public repository: they do what `.ci/run` does and more, with no more rights than that takes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# YAML 1.1 reads the key `on` as true.
WORKFLOWS: dict[str, dict[Any, Any]] = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in FILES}
JOBS = {f"{name}-{job}": each for name, workflow in WORKFLOWS.items() for job, each in workflow["jobs"].items()}
# A job that is another workflow has no steps of its own.
CALLS = {name: JOBS.pop(name)["uses"] for name in sorted(JOBS) if "uses" in JOBS[name]}
STEPS = [step for job in JOBS.values() for step in job["steps"]]
each_job = pytest.mark.parametrize("job", sorted(JOBS))


def test_actions_are_named_by_commit_and_say_which_version_that_is() -> None:
    lines = [
        line
        for file in FILES
        for line in file.read_text("utf-8").splitlines()
        if "uses:" in line and "uses: ./" not in line
    ]
    assert len(lines) == sum("uses" in step for step in STEPS) > 0
    wrong = [
        line for line in lines if not re.fullmatch(r"\s*(- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line)
    ]
    assert wrong == []
    # One version of each action in all places.
    named = {tuple(line.partition("uses: ")[2].split("@")) for line in lines}
    assert len({action for action, _ in named}) == len(named)


def test_a_workflow_may_read_and_a_job_says_what_else_it_needs() -> None:
    assert [workflow["permissions"] for workflow in WORKFLOWS.values()] == [{"contents": "read"}] * len(WORKFLOWS)
    written = {
        job: {right for right, how in each.get("permissions", {}).items() if how == "write"}
        for job, each in JOBS.items()
    }
    assert {job for job, rights in written.items() if rights} == {"release-images"}
    assert written["release-images"] == {"packages", "id-token", "attestations"}


def test_nobody_elses_words_are_run() -> None:
    assert set(WORKFLOWS["ci"][True]) == {"push", "pull_request", "schedule", "workflow_call"}
    assert set(WORKFLOWS["release"][True]) == {"push"}
    assert [step["run"] for step in STEPS if "${{" in step.get("run", "")] == []
    assert all(
        step["with"]["persist-credentials"] is False
        for step in STEPS
        if step.get("uses", "").startswith("actions/checkout")
    )


@each_job
def test_a_job_has_an_end(job: str) -> None:
    assert 0 < JOBS[job]["timeout-minutes"] <= 120
    assert not JOBS[job]["runs-on"].endswith("latest")


def test_everything_that_a_change_must_pass_is_asked() -> None:
    said = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in JOBS.items()}
    assert said["ci-test"].splitlines()[-1] == ".ci/run"
    assert {"make audit", "make sbom"} <= set(said["ci-dependencies"].splitlines())
    assert "make containers" in said["ci-containers"].splitlines()
    makefile = (ROOT / "Makefile").read_text("utf-8")
    asked = set(re.findall(r"^make ([a-z-]+)$", "\n".join(said.values()), re.MULTILINE))
    assert asked <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_nothing_is_published_that_was_not_tested() -> None:
    assert CALLS == {"release-tested": "./.github/workflows/ci.yml"}
    assert JOBS["release-images"]["needs"] == "tested"
    assert "if" not in JOBS["release-images"]


def test_an_image_is_published_with_how_it_was_made_and_what_it_holds() -> None:
    steps = {step.get("id") or step.get("uses", "").partition("@")[0]: step for step in JOBS["release-images"]["steps"]}
    built = steps["build"]["with"]
    assert (built["provenance"], built["sbom"], built["push"]) == ("mode=max", True, True)
    assert steps["actions/attest-build-provenance"]["with"]["subject-digest"] == "${{ steps.build.outputs.digest }}"
    for image in JOBS["release-images"]["strategy"]["matrix"]["image"]:
        file = (ROOT / f"{image}.Dockerfile").read_text("utf-8")
        told = set(re.findall(r"^(\w+)=", built["build-args"], re.MULTILINE)) - {"SOURCE_DATE_EPOCH"}
        assert told <= set(re.findall(r"^ARG (\w+)", file, re.MULTILINE))


def test_the_audit_does_not_pass_over_what_it_could_not_ask() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "pip-audit --strict" in makefile
    assert "requirements-dev.txt; do" in makefile
