"""Configuration, read once at the edge from the environment (prefix CLADIST_)."""

import os
import socket
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from classifier.config import Precision
from classifier.images.limits import MAX_PIXELS, DecodeLimits
from taxonomy import CladistError

EMBEDDED_DATABASE = "sqlite:///cladist.db"
EMBEDDED_BROKER = "memory://localhost/"
_NO_URL = "not a URL; in its user and password write / ? # @ ; % as %2F %3F %23 %40 %3B %25"
_DAY_S = 86_400.0
_THREADS = 1024


class Settings(BaseSettings):
    """Every setting with its default and meaning; each is set by CLADIST_ and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="CLADIST_", frozen=True, allow_inf_nan=False)

    database_url: str = Field(
        default=EMBEDDED_DATABASE, description="The database: SQLite or PostgreSQL (`postgresql://...`)."
    )
    broker_url: str = Field(
        default=EMBEDDED_BROKER,
        description="The broker: Redis (`redis://...`), RabbitMQ (`amqp://...`), or the worker's own process.",
    )
    queue: str = Field(
        default="cladist",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="The broker's queue that workers listen to; not the queue that a job is submitted to.",
    )

    asset_schemes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("file", "http", "https"), description="URI schemes that may be fetched, separated by commas."
    )
    asset_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="Folders that files may come from, separated as PATH is; none: any file that the worker may read. "
        "**Set it wherever people submit whom you would not give a shell.**",
    )
    asset_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts of http(s), by commas, `*` for anything: `images.example.com,*.cdn.example.com`; "
        "none: any public host.",
    )
    asset_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description="Networks that are allowed though they are not public: `10.1.0.0/16,fd00::/8`."
    )
    asset_buckets: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Buckets of s3, gs, az and memory, by commas; none: any that the credentials can read.",
    )
    asset_max_bytes: int = Field(
        default=64 * 2**20, ge=1, le=2**30, description="Largest size of one file, after unpacking."
    )
    image_max_pixels: int = Field(
        default=MAX_PIXELS,
        ge=1,
        le=2**31 - 1,
        description="Largest image, counted as it is decoded (a JPEG is scaled down meanwhile); "
        "a worker's memory grows with it.",
    )
    partial_images: bool = Field(
        default=False, description="Whether truncated pictures are taken, and their predictions marked `partial`."
    )
    fetch_proxy: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="A proxy that all of http(s) goes through: `http://proxy.example.com:3128`. "
        "**It resolves the names, so it must refuse what lies inside your network.**",
    )
    fetch_user_agent: str = Field(
        default="cladist", pattern=r"^[\x20-\x7e]{1,200}$", description="What http(s) servers are told who asks."
    )
    fetch_connect_s: float = Field(default=5.0, gt=0, le=_DAY_S, description="Time to find and reach a server.")
    fetch_read_s: float = Field(default=10.0, gt=0, le=_DAY_S, description="Longest silence of a server.")
    fetch_total_s: float = Field(
        default=30.0, gt=0, le=_DAY_S, description="Time for the whole asset, however slowly it drips."
    )
    fetch_https_to_http: bool = Field(default=False, description="Whether https may redirect to http.")

    reuse: Literal["off", "content"] = Field(
        default="off",
        description="content: the same bytes, bundle and release get the answer that they had, without the model.",
    )

    message_size: int = Field(default=64, ge=1, le=1024, description="Jobs in one message, at most.")
    batch_size: int = Field(
        default=0, ge=0, le=1024, description="Images in one forward pass, at most; 0: as measured when a bundle loads."
    )
    precision: Precision = Field(
        default="auto", description="Of the backbone; auto: bfloat16 where the processor computes in it."
    )
    torch_threads: int = Field(
        default=0, ge=0, le=_THREADS, description="Cores that the model may use; 0: as torch likes."
    )
    fetch_threads: int = Field(default=8, ge=1, le=_THREADS, description="Assets that a worker fetches at once.")
    decode_threads: int = Field(
        default=0, ge=0, le=_THREADS, description="Images that a worker decodes at once; 0: one for each core."
    )
    bundles_in_memory: int = Field(
        default=2, ge=1, le=1000, description="So many bundles, those used last, stay loaded."
    )
    keep_memory: bool = Field(
        default=True, description="Whether malloc keeps freed memory for the next batch (more memory, less time)."
    )
    memory_limit_bytes: int = Field(
        default=0,
        ge=0,
        le=2**50,
        description="Address space of a worker process; 0: unlimited. Torch maps some 4 GB of it.",
    )
    stuck_s: float = Field(
        default=300.0, gt=0, le=_DAY_S, description="A worker whose job stands still for so long ends itself with 70."
    )
    stop_s: float = Field(
        default=20.0, ge=0, le=_DAY_S, description="Time that work in flight has to finish when a worker is stopped."
    )

    lease_s: float = Field(
        default=60.0,
        gt=0,
        le=_DAY_S,
        description="A job whose worker has not been heard of for so long is given to another.",
    )
    max_attempts: int = Field(default=3, ge=1, le=1_000_000, description="Attempts at a job before it is dead.")
    retry_base_s: float = Field(
        default=1.0,
        ge=0,
        le=_DAY_S,
        description="Longest wait before the second attempt; it doubles with each, to 15 minutes.",
    )
    retry_max_s: float = Field(
        default=900.0,
        ge=1,
        le=86_400,
        description="Longest wait that a host may ask of its jobs by `Retry-After`; no attempt is charged for it.",
    )
    poll_s: float = Field(
        default=0.1,
        gt=0,
        le=_DAY_S,
        description="How often the relay looks at the outbox; for each sink events are looked for a tenth as often.",
    )
    reap_s: float = Field(default=5.0, gt=0, le=_DAY_S, description="How often the reaper looks for lost work.")
    republish_s: float = Field(
        default=60.0, gt=0, le=_DAY_S, description="A published job that nobody claims for so long is published again."
    )
    ahead: int = Field(
        default=2,
        ge=1,
        le=1_000_000,
        description="Messages in flight for each busy worker: the more, the longer urgent jobs wait.",
    )
    window: int = Field(
        default=4096, ge=1, le=1_000_000, description="Jobs in flight in all, at most; the rest wait in the outbox."
    )
    retention_days: float = Field(
        default=0.0, ge=0, le=36_500, description="Jobs that ended so many days ago are purged; 0: none ever."
    )

    sinks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Who is told of events, by commas, each a `SCHEME:TARGET`: "
        "`jsonl:/var/log/cladist/events.jsonl,celery:host.tasks.classified`.",
    )
    events_keep_days: float = Field(
        default=7.0,
        ge=0,
        le=36_500,
        description="Events so old are deleted, once every sink has been told of them; deliveries, once they ended.",
    )
    webhook_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(),
        description="Networks that webhooks may be sent to though they are not public: `10.1.0.0/16,fd00::/8`.",
    )
    webhook_parallel: int = Field(
        default=16,
        ge=2,
        le=_THREADS,
        description="Webhooks that a worker sends at once; one address gets three quarters.",
    )
    webhook_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Time for one webhook, from the name of its host to the end of the answer.",
    )

    api_max_bytes: int = Field(
        default=4 * 2**20, ge=1024, le=2**30, description="Largest body of a request to `cladist serve`."
    )

    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, JSON anywhere else."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least important kind of message that is logged."
    )
    monitor_host: str = Field(
        default="127.0.0.1",
        description="Where `/metrics`, `/live` and `/ready` are served; by default to this machine.",
    )
    monitor_port: int = Field(default=0, ge=0, le=65535, description="Their port; 0: they are not served.")
    stall_s: float = Field(
        default=120.0, gt=0, le=_DAY_S, description="`/live` fails after so long without work while jobs are pending."
    )
    traces: bool = Field(
        default=False,
        description="Whether spans go to OpenTelemetry (`cladist[otel]`); `OTEL_EXPORTER_OTLP_...` say where to.",
    )

    @property
    def decode_limits(self) -> DecodeLimits:
        """What images are accepted."""
        return DecodeLimits(self.image_max_pixels, self.partial_images)

    @property
    def broker_is_embedded(self) -> bool:
        """Whether the broker lives in the worker's own process and forgets everything with it."""
        return self.broker_url.startswith("memory:")

    @property
    def worker_name(self) -> str:
        """This process, for people who read the jobs table."""
        return f"{socket.gethostname()}:{os.getpid()}"

    @field_validator("broker_url", "fetch_proxy")
    @classmethod
    def _require_url(cls, value: str) -> str:
        """Refuse, without quoting, what others would take apart otherwise than it is meant, and quote in part."""
        if value and not all(map(_is_url, value.split(";"))):  # Celery takes several brokers, joined by ;
            raise PydanticCustomError("url", _NO_URL)
        return value

    @field_validator(
        *("asset_schemes", "asset_hosts", "asset_networks", "asset_buckets", "sinks", "webhook_networks"), mode="before"
    )
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


def _is_url(text: str) -> bool:
    """Whether host and port are what they look like: no @ is left behind them."""
    try:
        parts = urlsplit(text)
        return bool(parts.scheme) and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:
        return False


def read_settings() -> Settings:
    """The settings of this process. Raises CladistError, naming the variable, on a bad value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise CladistError(first["msg"], source=f"CLADIST_{name}") from None
