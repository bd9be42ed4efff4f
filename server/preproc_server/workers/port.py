"""A port that one server has for itself, and shares with its own workers alone.

The kernel lets sockets share a port that all say so (SO_REUSEPORT), whoever made them, and spreads
connections over those that listen. So a socket that never listens holds the port as long as the
server lives: workers may come and go, while a socket that does not share finds the port taken.
"""

import socket
from contextlib import suppress
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from typing import Final

ABSENT: Final = frozenset({EADDRNOTAVAIL, EAFNOSUPPORT})
"""Of addresses that a name has and this machine has not, such as those of IPv6."""


class Port:
    """A port, held on each address of a host.

    Parameters
    ----------
    host
        Address or name; IPv6 addresses may stand in brackets.
    number
        Port, 0 for a free one.

    Raises
    ------
    OSError
        When somebody else has it, or there is no such host.
    """

    def __init__(self, host: str, number: int) -> None:
        self.number = number
        self._held: list[socket.socket] = []
        absent: OSError | None = None
        try:
            for family, address in _addresses(host):
                try:
                    self._hold(family, address)
                except OSError as error:
                    if error.errno not in ABSENT:
                        raise
                    absent = error
            if not self._held:
                raise absent or OSError(f"no address for {host!r}")
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Give it back."""
        for held in self._held:
            held.close()

    def _hold(self, family: socket.AddressFamily, address: str) -> None:
        """Find out alone whether it is free, then share it."""
        with _bound(family, address, self.number, is_shared=False) as probe:
            self.number = probe.getsockname()[1]
        held = _bound(family, address, self.number, is_shared=True)
        # else who comes later and says the same, as all servers do, could bind beside it
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        self._held.append(held)


def _bound(
    family: socket.AddressFamily, address: str, number: int, *, is_shared: bool
) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # connections of a server before this one may still be on their way out
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(is_shared))
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
        bound.bind((address, number))
    except OSError:
        bound.close()
        raise
    return bound


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Look a host up; every address of the machine is one of IPv6 that takes IPv4 too."""
    bare = host.strip("[]")
    if bare == "localhost":  # whatever the system's table of hosts says, gRPC takes both
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    if bare == "::":
        with suppress(OSError), socket.socket(socket.AF_INET6):
            return [(socket.AF_INET6, "::")]
        return [(socket.AF_INET, "0.0.0.0")]  # noqa: S104  # what was asked for
    found = socket.getaddrinfo(bare, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(where[0])) for family, *_, where in found))
