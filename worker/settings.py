"""Configuration, read once at the edge from the environment (prefix CLADIST_)."""

import os
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from taxonomy import CladistError

EMBEDDED_DATABASE = "sqlite:///cladist.db"
EMBEDDED_BROKER = "memory://localhost/"


class Settings(BaseSettings):
    """Every setting with its default; each is set by CLADIST_ and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="CLADIST_", frozen=True)

    database_url: str = EMBEDDED_DATABASE
    broker_url: str = EMBEDDED_BROKER
    queue: str = Field(default="cladist", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    # Folders that assets may be read from, separated as PATH is; empty: any file that this process may read.
    asset_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    batch_size: int = Field(default=32, ge=1, le=1024)  # assets in one message and one forward pass, at most
    torch_threads: int = Field(default=0, ge=0)  # 0: as many as torch likes
    lease_s: float = Field(default=60.0, gt=0)
    max_attempts: int = Field(default=3, ge=1)
    retry_base_s: float = Field(default=1.0, ge=0)  # first wait after a retryable failure; doubles each time
    poll_s: float = Field(default=0.1, gt=0)  # how often the relay looks at the outbox
    reap_s: float = Field(default=5.0, gt=0)  # how often the reaper looks for lost work
    republish_s: float = Field(default=60.0, gt=0)  # a published job not claimed for so long is published again
    window: int = Field(default=4096, ge=1)  # published and unclaimed jobs at most; the rest wait in the outbox
    log_format: Literal["auto", "json", "text"] = "auto"  # auto: text on a terminal, JSON anywhere else
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    monitor_host: str = "127.0.0.1"  # where /metrics, /live and /ready are served: to this machine alone
    monitor_port: int = Field(default=0, ge=0, le=65535)  # 0: nowhere
    stall_s: float = Field(default=120.0, gt=0)  # /live fails after so long without work while jobs are pending
    traces: bool = False  # OpenTelemetry spans, with the extra cladist[otel]; OTEL_EXPORTER_OTLP_... say where to

    @property
    def broker_is_embedded(self) -> bool:
        """Whether the broker lives in the worker's own process and forgets everything with it."""
        return self.broker_url.startswith("memory:")

    @property
    def worker_name(self) -> str:
        """This process, for people who read the jobs table."""
        return f"{socket.gethostname()}:{os.getpid()}"

    @field_validator("asset_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        return value.split(os.pathsep) if isinstance(value, str) and value else value or ()

    @field_validator("asset_roots")
    @classmethod
    def _resolve_roots(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(root.resolve() for root in value)


def read_settings() -> Settings:
    """The settings of this process. Raises CladistError, naming the variable, on a bad value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise CladistError(f"CLADIST_{name}: {first['msg']}") from None
