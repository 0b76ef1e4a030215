"""The evaluation that a run keeps beside it, `plots/plots.json`: a run's id comes in; plots that are safe to draw go out.

The platform's training writes this file; a scientist may log one too, so what it holds is checked and bounded.
"""

from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from backend.errors import NotFound
from backend.registry.mlflow_rest import MlflowRest
from backend.registry.runs import get_told
from backend.settings import Settings
from backend.training.mlflow_http import path_of

FILE = "plots/plots.json"
_MOST_BYTES = 2 * 1024 * 1024
_STORE = "mlflow-artifacts:/"

# A class or a column may have a long name, which no plot has room for.
Name = Annotated[str, AfterValidator(lambda name: name[:200])]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = Finite | Name


class Series(BaseModel):
    """One line, cloud or set of bars."""

    model_config = ConfigDict(extra="ignore")

    name: Name
    x: list[Value] = Field(max_length=1000)
    y: list[Value] = Field(max_length=1000)
    area: Finite | None = None

    @model_validator(mode="after")
    def _lengths_agree(self) -> "Series":
        if len(self.x) != len(self.y):
            raise ValueError("x and y differ in length")
        return self


class Plot(BaseModel):
    """A plot as data, as `backend/training/plots.py` writes it."""

    model_config = ConfigDict(extra="ignore")

    name: Name
    title: Name
    form: Literal["lines", "points", "bars", "matrix"]
    x_label: Name
    y_label: Name
    series: list[Series] = Field(max_length=20)
    labels: list[Name] | None = Field(None, max_length=50)
    counts: list[Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=50)]] | None = Field(None, max_length=50)

    @model_validator(mode="after")
    def _can_be_drawn(self) -> "Plot":
        if self.form == "matrix":
            side = len(self.labels or [])
            sides = {len(self.counts or []), *(len(row) for row in self.counts or [])}
            if not side or sides != {side}:
                raise ValueError("a matrix needs labels, and as many rows and columns of counts")
        return self


_PLOTS = TypeAdapter(Annotated[list[Plot], Field(max_length=20)])


@dataclass(frozen=True)
class RunPlots:
    """The plots, or in words why there are none."""

    plots: list[dict[str, Any]]
    problem: str | None = None


def get_run_plots(settings: Settings, run_id: str) -> RunPlots:
    """What a run keeps of its evaluation; NotFound where there is no such run."""
    with closing(MlflowRest(settings)) as mlflow:
        root = str(get_told(mlflow, run_id)["info"]["artifact_uri"])
        if not root.startswith(_STORE) or ".." in root:
            return RunPlots([], "This run keeps its files elsewhere, so its evaluation is not shown here.")
        try:
            content = _read(mlflow, f"{path_of(root)}/{FILE}")
        except NotFound:
            return RunPlots([], "This run kept no evaluation. Runs that the platform trains keep one.")
    if content is None:
        return RunPlots([], f"The file {FILE} of this run is larger than 2 MB, so it is not shown.")
    try:
        return RunPlots(read_plots(content))
    except ValidationError:
        return RunPlots([], f"The file {FILE} of this run is not in the form that can be drawn here.")


def read_plots(content: bytes) -> list[dict[str, Any]]:
    """The plots of such a file; ValidationError where they could not be drawn."""
    return [plot.model_dump(exclude_none=True) for plot in _PLOTS.validate_json(content)]


def _read(mlflow: MlflowRest, path: str) -> bytes | None:
    """The whole file; None where it is too large."""
    content = bytearray()
    with mlflow.file(path) as pieces:
        for piece in pieces:
            content += piece
            if len(content) > _MOST_BYTES:
                return None
    return bytes(content)
