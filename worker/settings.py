"""Configuration, read once at the edge from the environment (prefix CLADIST_)."""

import os
import socket
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from classifier.config import Precision
from taxonomy import CladistError

EMBEDDED_DATABASE = "sqlite:///cladist.db"
EMBEDDED_BROKER = "memory://localhost/"


class Settings(BaseSettings):
    """Every setting with its default; each is set by CLADIST_ and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="CLADIST_", frozen=True)

    database_url: str = EMBEDDED_DATABASE
    broker_url: str = EMBEDDED_BROKER
    queue: str = Field(default="cladist", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    # What assets may be fetched, and how: docs/assets.md. Lists are separated by commas, folders as PATH is.
    asset_schemes: Annotated[tuple[str, ...], NoDecode] = ("file", "http", "https")
    asset_roots: Annotated[tuple[Path, ...], NoDecode] = ()  # none: any file that this process may read
    asset_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # of http(s), with *; none: any that is public
    asset_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()  # allowed though not public
    asset_buckets: Annotated[tuple[str, ...], NoDecode] = ()  # none: any that the credentials can read
    asset_max_bytes: int = Field(default=64 * 2**20, ge=1, le=2**30)
    fetch_connect_s: float = Field(default=5.0, gt=0)
    fetch_read_s: float = Field(default=10.0, gt=0)  # longest silence of a server
    fetch_total_s: float = Field(default=30.0, gt=0)  # whatever the server does meanwhile
    fetch_https_to_http: bool = False  # whether https may redirect to http
    message_size: int = Field(default=64, ge=1, le=1024)  # jobs in one message, at most
    batch_size: int = Field(default=0, ge=0, le=1024)  # assets in one forward pass, at most; 0: as measured
    precision: Precision = "auto"  # of the model: bfloat16 where the processor has it (docs/worker.md)
    torch_threads: int = Field(default=0, ge=0)  # of the model; 0: as many as torch likes
    fetch_threads: int = Field(default=8, ge=1)  # assets that are fetched at once
    decode_threads: int = Field(default=0, ge=0)  # assets that are decoded at once; 0: one for each core
    bundles_in_memory: int = Field(default=2, ge=1)  # the bundles used last stay loaded
    keep_memory: bool = True  # malloc keeps what was freed for the next batch (worker/pipeline/parallelism.py)
    memory_limit_bytes: int = Field(default=0, ge=0)  # address space of a worker process; 0: unlimited
    stuck_s: float = Field(default=300.0, gt=0)  # a worker whose job stands still for so long ends itself
    stop_s: float = Field(default=20.0, ge=0)  # what is in flight when a worker is stopped has so long to finish
    lease_s: float = Field(default=60.0, gt=0)
    max_attempts: int = Field(default=3, ge=1)
    retry_base_s: float = Field(default=1.0, ge=0)  # longest first wait after a retryable failure; it doubles
    poll_s: float = Field(default=0.1, gt=0)  # how often the relay looks at the outbox
    reap_s: float = Field(default=5.0, gt=0)  # how often the reaper looks for lost work
    republish_s: float = Field(default=60.0, gt=0)  # a published job not claimed for so long is published again
    ahead: int = Field(default=2, ge=1)  # messages in flight for each busy worker: the more, the later urgent jobs
    window: int = Field(default=4096, ge=1)  # jobs in flight at most; the rest wait in the outbox
    retention_days: float = Field(default=0.0, ge=0)  # jobs that ended so long ago are purged; 0: none ever
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

    @field_validator("asset_schemes", "asset_hosts", "asset_networks", "asset_buckets", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("asset_schemes", "asset_hosts")
    @classmethod
    def _lower(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(part.lower() for part in value)

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
        name = str(first["loc"][0]).upper()
        raise CladistError(first["msg"], source=f"CLADIST_{name}") from None
