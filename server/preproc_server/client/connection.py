"""How to reach a server: encryption, credentials, headers, compression, limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import grpc

MAX_MESSAGE_BYTES: Final = 2**31 - 1
"""What a gRPC message can hold at all."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Encryption; everything is the content of a PEM file.

    Attributes
    ----------
    roots
        Certificates to trust; None for those of gRPC.
    key, certificates
        Private key and certificate chain of this client, for a server that asks for one.
    name
        Name that the server's certificate must hold, where it is not that of the target.
    """

    roots: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    certificates: bytes | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if (self.key is None) != (self.certificates is None):
            raise ValueError("tls: expected key and certificates together, got one of them")


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server.

    Attributes
    ----------
    tls
        Encryption; None for none.
    token
        Sent as ``authorization: Bearer <token>`` with each call, but never without encryption.
    name
        Of the program that calls, with its version, such as ``kiosk/2.0``; it stands first in the
        user agent, by which the request log tells clients apart.
    headers
        Sent with each call; names in lower case, those that end in ``-bin`` with bytes.
    compression
        ``gzip`` for requests; answers are as the server likes. Numbers rarely shrink.
    max_send_bytes, max_receive_bytes
        Largest request and answer.
    """

    tls: Tls | None = None
    token: str = field(default="", repr=False)
    name: str = ""
    headers: Mapping[str, str | bytes] = field(default_factory=dict, repr=False)
    compression: str = ""
    max_send_bytes: int = MAX_MESSAGE_BYTES
    max_receive_bytes: int = MAX_MESSAGE_BYTES

    def __post_init__(self) -> None:
        if self.compression not in ("", "gzip"):
            raise ValueError(f"compression: expected 'gzip' or '', got {self.compression!r}")
        if self.token and self.tls is None:
            raise ValueError(
                "token: expected encryption around it, got tls=None; where something else "
                "encrypts, send it in headers"
            )


def options_of(connection: Connection) -> list[tuple[str, int | str]]:
    """Give the options of the channel, with their reasons."""
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", connection.max_receive_bytes),
        ("grpc.max_send_message_length", connection.max_send_bytes),
        # calls are repeated here, by one policy and not by two
        ("grpc.enable_retries", 0),
        # gRPC waits 1 s after a failed connection, in which every attempt fails at once
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5000),
    ]
    if connection.name:
        options.append(("grpc.primary_user_agent", connection.name))
    if connection.tls is not None and connection.tls.name:
        options.append(("grpc.ssl_target_name_override", connection.tls.name))
    return options


def credentials_of(tls: Tls) -> grpc.ChannelCredentials:
    """Give gRPC what it needs to encrypt."""
    return grpc.ssl_channel_credentials(tls.roots, tls.key, tls.certificates)


def headers_of(connection: Connection) -> list[tuple[str, str | bytes]]:
    """Give the headers of every call."""
    headers = list(connection.headers.items())
    if connection.token:
        headers.append(("authorization", f"Bearer {connection.token}"))
    return headers


def compression_of(connection: Connection) -> grpc.Compression:
    """Give the compression in gRPC's terms."""
    is_gzip = connection.compression == "gzip"
    return grpc.Compression.Gzip if is_gzip else grpc.Compression.NoCompression
