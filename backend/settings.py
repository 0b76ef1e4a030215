"""Everything that is read from the environment, once, typed; unsafe values are refused."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

from backend.errors import UnsafeSettings

VERSION = "0.1.0"
REPOSITORY = Path(__file__).resolve().parents[1]
Port = Annotated[int, Field(ge=1, le=65535)]
# Where container engines put secrets: a file `signet_database_password` is the setting SIGNET_DATABASE_PASSWORD.
_SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """One field a setting; the environment variable is `SIGNET_` and the field's name in capitals.

    A file of that name in small letters under `/run/secrets` stands for a variable that is not set.
    """

    model_config = SettingsConfigDict(
        env_prefix="SIGNET_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        secrets_dir=_SECRETS if _SECRETS.is_dir() else None,
    )

    home: Path = Field(REPOSITORY, description="Folder that holds `certs/`, `data/` and `mlruns/`")
    bind: str = Field("127.0.0.1", description="Address that the API and the web app listen on")
    port: Port = Field(8443, description="Port of the API (HTTPS)")
    ui_port: Port = Field(8501, description="Port of the web app (HTTPS)")
    mlflow_port: Port = Field(5000, description="Port of MLflow")
    hostnames: str = Field(
        "localhost",
        description="Names and addresses, separated by commas, that the server certificate is valid for besides loopback",
    )
    database_url: str = Field(
        "", repr=False, description="SQLAlchemy URL of the database; SQLite under the home where empty"
    )
    database_password: SecretStr = Field(
        SecretStr(""), description="Password of the databases, which their URLs then need not hold"
    )
    database_seconds: Annotated[float, Field(ge=1, le=600)] = Field(
        15,
        description="How long a statement may take, waiting for others included; then the caller is told to try again (503)",
    )
    mlflow_url: str = Field("", description="Where MLflow answers; loopback and `SIGNET_MLFLOW_PORT` where empty")
    mlflow_bind: str = Field(
        "127.0.0.1",
        description="Address that MLflow listens on, without TLS: another one is for containers whose network only a proxy reaches",
    )
    mlflow_public_url: Annotated[str, Field(pattern=r"^(https://[^/?#\s]+)?$")] = Field(
        "",
        description="Where people reach MLflow behind a proxy that ends TLS; there the session of the web app signs them in",
    )
    mlflow_database_url: str = Field(
        "", repr=False, description="SQLAlchemy URL of MLflow's own database; SQLite under the home where empty"
    )
    max_upload_mb: Annotated[int, Field(ge=1)] = Field(2048, description="Largest dataset file, in megabytes")
    max_body_mb: Annotated[int, Field(ge=1)] = Field(16, description="Largest JSON body, in megabytes")
    max_rows: Annotated[int, Field(ge=1, le=2**24 - 1)] = Field(
        100_000, description="Most rows in one prediction request"
    )
    max_columns: Annotated[int, Field(ge=1, le=5000)] = Field(
        5000, description="Most columns of a dataset, and so of a model and of the rows that it is asked for"
    )
    request_seconds: Annotated[float, Field(ge=1, le=3600)] = Field(
        15, description="How long a request may stand still on its way in, in all; what moves earns time back"
    )
    upload_memory_mb: Annotated[int, Field(ge=256)] = Field(
        3072, description="Memory that the reading of one uploaded file may take, in megabytes"
    )
    upload_seconds: Annotated[float, Field(ge=1, le=7200)] = Field(
        600, description="How long the reading of one uploaded file may take, in seconds"
    )
    parquet_memory_mb: Annotated[int, Field(ge=256)] = Field(
        1024, description="Memory that the reading of one Parquet body may take, in megabytes"
    )
    parquet_seconds: Annotated[float, Field(ge=1, le=300)] = Field(
        10, description="How long the reading of one Parquet body may take, in seconds"
    )
    readers: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="Uploads that are read at once, and Parquet bodies; further ones wait"
    )
    prediction_wait_seconds: Annotated[float, Field(ge=1, le=3600)] = Field(
        30,
        description="How long a prediction may wait in line for a thread before it is refused (503) instead of computed",
    )
    default_model: str = Field("iris", description="The model that answers `POST /predict`")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Native threads (OpenMP, BLAS) that serving may use in a process"
    )
    training_threads: Annotated[int, Field(ge=1, le=256)] = Field(
        2, description="Native threads that one training job may use"
    )
    training_memory_mb: Annotated[int, Field(ge=512)] = Field(
        8192, description="Memory that one training job may use, in megabytes"
    )
    model_memory_mb: Annotated[int, Field(ge=1)] = Field(
        1024, description="Models that a process keeps in memory, by the size of their files, in megabytes"
    )
    model_files_mb: Annotated[int, Field(ge=1)] = Field(
        10240, description="Files of models that are kept on this machine once fetched, in megabytes"
    )
    server_threads: Annotated[int, Field(ge=2, le=256)] = Field(16, description="Requests that the API answers at once")
    log_format: Literal["text", "json"] = Field(
        "text", description="Log lines as `text` for people or as `json` for programs that collect them"
    )
    access_log: Literal["all", "none"] = Field(
        "all", description="Which requests the API's log tells of: `all` or `none`, where a proxy does it"
    )
    otlp_endpoint: Annotated[str, Field(pattern=r"^(https?://[^?#\s]+)?$")] = Field(
        "",
        description="Collector for OpenTelemetry traces (OTLP over HTTP), such as `http://127.0.0.1:4318`; "
        "`OTEL_EXPORTER_OTLP_ENDPOINT` where empty, and none where that is empty too",
    )
    traffic_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        30, description="How long sums of predictions are kept, in days"
    )
    records: Literal["on", "off"] = Field(
        "on", description="Whether predictions are kept (`on`), so that they can be judged by what really happened"
    )
    records_when_full: Literal["drop", "slow"] = Field(
        "drop",
        description="Where records come faster than the disk takes them: `drop` and count them, or `slow` predictions down, by a second at most",
    )
    records_queue_mb: Annotated[int, Field(ge=1, le=65536)] = Field(
        64, description="Records that may wait in memory to be written, in megabytes"
    )
    records_body_kb: Annotated[int, Field(ge=0, le=1024 * 1024)] = Field(
        64,
        description="The largest body that is kept with its answers, in kilobytes: "
        "of a larger one, such as a file of rows, only the answers are kept",
    )
    records_flush_ms: Annotated[int, Field(ge=10, le=10_000)] = Field(
        200, description="How often records are written, in milliseconds: what a killed process can lose"
    )
    records_sync_seconds: Annotated[float, Field(ge=0.1, le=600)] = Field(
        2, description="How often they are forced onto the disk, in seconds: what a power cut can lose"
    )
    records_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        90,
        description="How long records and outcomes are kept, in days; a model may keep its own longer, none for less",
    )
    access_token_minutes: Annotated[int, Field(ge=1, le=60)] = Field(15, description="Life of a person's access token")
    refresh_token_days: Annotated[int, Field(ge=1, le=90)] = Field(
        30, description="Life of a person's session without signing in again"
    )
    web_session_hours: Annotated[int, Field(ge=1, le=168)] = Field(
        12, description="Life of a person's session in the web app, however much it is used"
    )
    web_session_idle_minutes: Annotated[int, Field(ge=1, le=1440)] = Field(
        30, description="How long a person's session in the web app lasts when nothing is done in it"
    )

    api_url: Annotated[str, Field(pattern=r"^(https://[^/?#\s]+)?$")] = Field(
        "",
        description="Where callers reach the API, as subscribers' tokens say; the first of `SIGNET_HOSTNAMES` and `SIGNET_PORT` where empty",
    )
    web_origin: Annotated[str, Field(pattern=r"^(https://[^/?#@\s]+)?$")] = Field(
        "",
        description="Where browsers reach the web app through a proxy, such as `https://signet.example.org`; as each of them asks for it where empty",
    )
    proxy_socket: Annotated[Path | None, BeforeValidator(lambda path: path or None)] = Field(
        None,
        description="Unix socket on which the API listens without TLS, for a proxy that ends TLS before it; in a folder, each API makes "
        "one of its own; `SIGNET_PORT` where empty",
    )
    trust_domain: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")] = Field(
        "signet.local",
        description="Whose subscribers they are: the host of their identities, `spiffe://.../subscriber/...`",
    )
    public_url: Annotated[str, Field(pattern=r"^(https?://[^/?#\s]+(/[^?#\s]*)?)?$")] = Field(
        "",
        description="Where others fetch `/pki/...`, as certificates then say, such as `http://pki.example.org`; not said where empty",
    )
    certificate_days: Annotated[int, Field(ge=1, le=90)] = Field(30, description="Life of a subscriber's certificate")
    certificate_overlap_hours: Annotated[int, Field(ge=1, le=24 * 30)] = Field(
        24, description="How long a renewed certificate stays valid beside its successor"
    )
    handout: Annotated[Path | None, BeforeValidator(lambda path: path or None)] = Field(
        None,
        description="Folder of folders named `proxy`, `web-app`, `worker` and `mlflow`: each that is there gets copies of what that program "
        "needs of `certs/`, where it runs in a container of its own",
    )
    key_encryption_key: SecretStr = Field(
        SecretStr(""),
        description="What seals the authority's keys at rest, 32 bytes in base64; a file under `certs/` where empty",
    )
    backup_passphrase: SecretStr = Field(
        SecretStr(""),
        description="Passphrase of backups, 12 characters at least; asked for where it is needed and empty",
    )
    backup_recipient: str = Field(
        "",
        description="For whom backups are sealed, as `backup-key` prints it: only that key, which is kept elsewhere, opens them then",
    )

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        ports = (self.port, self.ui_port, self.mlflow_port)
        if len(set(ports)) != len(ports):
            raise ValueError("SIGNET_PORT, SIGNET_UI_PORT and SIGNET_MLFLOW_PORT must differ")
        return self

    @property
    def certs(self) -> Path:
        return self.home / "certs"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def mlruns(self) -> Path:
        return self.home / "mlruns"

    @property
    def database(self) -> str:
        """The URL of the database, the default filled in."""
        if not self.database_url:
            return f"sqlite:///{self.data / 'signet.db'}"
        if not (password := self.database_password.get_secret_value()):
            return self.database_url
        return make_url(self.database_url).set(password=password).render_as_string(hide_password=False)

    @property
    def issuer(self) -> str:
        """The URL of the API as its callers know it, the default filled in."""
        return self.api_url or f"https://{self.hostnames.split(',')[0].strip()}:{self.port}"

    @property
    def mlflow(self) -> str:
        """The URL of MLflow, the default filled in."""
        return self.mlflow_url or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def mlflow_for_people(self) -> str:
        """The URL of MLflow in a person's browser."""
        return self.mlflow_public_url or self.mlflow


def load_settings() -> Settings:
    """The settings of this process; UnsafeSettings names every variable that is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise UnsafeSettings("; ".join(_problem(e["loc"], e["msg"]) for e in error.errors())) from error
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})


def inherited(names: Iterable[str]) -> dict[str, str]:
    """Those variables of this process that are set, for a process that it starts with an environment of its own."""
    return {name: os.environ[name] for name in names if name in os.environ}  # noqa: TID251 - the one module that may


def without_keys() -> dict[str, str]:
    """The variables of this process but for what opens the authority's keys and backups, for a program that signs nothing."""
    keys = {"SIGNET_KEY_ENCRYPTION_KEY", "SIGNET_BACKUP_PASSPHRASE"}
    return {name: value for name, value in os.environ.items() if name not in keys}  # noqa: TID251


def _problem(location: tuple[int | str, ...], message: str) -> str:
    name = "_".join(str(part) for part in location).upper()
    return f"SIGNET_{name}: {message}" if name else message.removeprefix("Value error, ")
