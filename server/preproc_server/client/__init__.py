"""Clients of a server: frames and rows in, arrays or a frame out; blocking and asynchronous."""

from preproc_server.client.aio import AsyncClient
from preproc_server.client.connection import Connection, Tls
from preproc_server.client.errors import (
    ContractChangedError,
    CredentialsError,
    DeadlineError,
    InvalidRequestError,
    MessageTooLargeError,
    NotFoundError,
    OverloadedError,
    ServerError,
    UnavailableError,
    Violation,
)
from preproc_server.client.retry import Retry
from preproc_server.client.sync import Client

__all__ = [
    "AsyncClient",
    "Client",
    "Connection",
    "ContractChangedError",
    "CredentialsError",
    "DeadlineError",
    "InvalidRequestError",
    "MessageTooLargeError",
    "NotFoundError",
    "OverloadedError",
    "Retry",
    "ServerError",
    "Tls",
    "UnavailableError",
    "Violation",
]
