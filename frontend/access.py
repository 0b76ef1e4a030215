"""The pages, as data: who may open them follows from the API's own table of permissions, which `GET /v1/me` tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from frontend.views import (
    account,
    audit,
    certificates,
    datasets,
    experiments,
    home,
    jobs,
    models,
    monitoring,
    predict,
    subscribers,
    train,
    users,
)


@dataclass(frozen=True)
class Page:
    """One entry of the menu; `needs` is a permission of the API, None for everybody who is signed in."""

    title: str
    address: str
    icon: str
    sentence: str
    needs: str | None
    show: Callable[[], None]


PAGES: tuple[Page, ...] = (
    Page("Home", "home", ":material/home:", "What is going on, and what to do next.", None, home.show),
    Page(
        "Datasets",
        "datasets",
        ":material/table:",
        "Tables to learn from: upload one, look at it, check its columns.",
        "datasets:read",
        datasets.show,
    ),
    Page(
        "Train",
        "train",
        ":material/model_training:",
        "Choose a table and the column to predict; the rest has good defaults.",
        "jobs:run",
        train.show,
    ),
    Page(
        "Jobs",
        "jobs",
        ":material/pending_actions:",
        "Training in the background. You may leave this page and come back.",
        "jobs:read",
        jobs.show,
    ),
    Page(
        "Experiments",
        "experiments",
        ":material/science:",
        "Runs side by side: what was chosen, how good it was, and what made the difference.",
        "jobs:read",
        experiments.show,
    ),
    Page(
        "Models",
        "models",
        ":material/deployed_code:",
        "What was trained, how good it is, and which version answers.",
        "models:read",
        models.show,
    ),
    Page(
        "Predict",
        "predict",
        ":material/query_stats:",
        "Ask a model about one row, or about a file of rows.",
        "models:predict",
        predict.show,
    ),
    Page(
        "Monitoring",
        "monitoring",
        ":material/monitoring:",
        "How much is asked, what goes wrong, and how long answers take.",
        "traffic:read",
        monitoring.show,
    ),
    Page(
        "Subscribers",
        "subscribers",
        ":material/hub:",
        "The services that may ask models, and on which terms.",
        "subscribers:manage",
        subscribers.show,
    ),
    Page(
        "Certificates",
        "certificates",
        ":material/badge:",
        "With these, services prove who they are.",
        "subscribers:manage",
        certificates.show,
    ),
    Page(
        "Users",
        "users",
        ":material/group:",
        "The people who sign in, and what they may do.",
        "users:manage",
        users.show,
    ),
    Page(
        "Audit",
        "audit",
        ":material/receipt_long:",
        "Who did what, when, and with what outcome.",
        "audit:read",
        audit.show,
    ),
    Page(
        "Account",
        "account",
        ":material/account_circle:",
        "Your password, your second factor, and where you are signed in.",
        None,
        account.show,
    ),
)
