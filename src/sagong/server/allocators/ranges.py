"""Ranges of which a lower part is kept for what users ask for by name: what is chosen for them comes from the upper part first.

KEP-3070 (addresses) and KEP-3668 (ports) say how large the lower part is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from msgspec import Struct

from sagong.api.clock import Random

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_WIDEST = 2**62


class AllocationError(Exception):
    """What was asked for cannot be had; the message is upstream's, and follows "failed to allocate"."""


class FullError(AllocationError):
    """Nothing is left."""


class Range(Struct, frozen=True):
    """Integers from `first` on, `size` of them; the first `static` are kept for those who ask by name."""

    first: int
    size: int
    static: int

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.first <= number < self.first + self.size

    def candidates(self, random: Random) -> Iterator[int]:
        """Yield every number once: the upper part from a random place on, then the lower part."""
        for first, size in ((self.first + self.static, self.size - self.static), (self.first, self.static)):
            start = int(random.uniform() * min(size, _WIDEST))
            yield from range(first + start, first + size)
            yield from range(first, first + start)


def addresses(network: Network) -> Range:
    """Return the addresses of a Service network: without its own and, for IPv4, the broadcast address."""
    total = network.num_addresses
    usable = total - (2 if network.version == 4 else 1)  # noqa: PLR2004 - IPv4
    return Range(int(network.network_address) + 1, max(usable, 0), _static(total, step=16, most=256))


def ports(first: int, last: int) -> Range:
    """Return the ports of a node port range, both ends included."""
    return Range(first, last - first + 1, _static(last - first + 1, step=32, most=128))


def _static(size: int, *, step: int, most: int, least: int = 16) -> int:
    return 0 if size <= least else min(max(size // step, least), most)
