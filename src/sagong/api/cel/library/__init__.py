"""The libraries that Kubernetes adds to CEL; KUBERNETES is all of them with the standard functions."""

from __future__ import annotations

from sagong.api.cel.declarations import Functions
from sagong.api.cel.library.authz import AUTHZ
from sagong.api.cel.library.formats import FORMATS
from sagong.api.cel.library.lists import LISTS
from sagong.api.cel.library.network import NETWORK
from sagong.api.cel.library.quantities import QUANTITIES
from sagong.api.cel.library.semver import SEMVER
from sagong.api.cel.library.strings import STRINGS
from sagong.api.cel.library.urls import URLS
from sagong.api.cel.standard import STANDARD

KUBERNETES = Functions(STANDARD, URLS, STRINGS, LISTS, AUTHZ, QUANTITIES, NETWORK, FORMATS, SEMVER)

__all__ = ["KUBERNETES"]
