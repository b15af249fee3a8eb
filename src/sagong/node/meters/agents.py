"""How often monitoring agents of the node ask for pods' resources."""

from __future__ import annotations

from sagong.node.meters.ledger import Ledger

_CALLS = {"List": "list", "Get": "get", "GetAllocatableResources": "get_allocatable"}
_VERSION = ("v1",)


class AgentMeter:
    """Counts calls of one socket."""

    def __init__(self, ledger: Ledger) -> None:
        label = ("server_api_version",)
        self.total = ledger.count("pod_resources_endpoint_requests_total", "How many calls agents made.", label)
        self.calls = {
            call: ledger.count(f"pod_resources_endpoint_requests_{name}", f"How many of them were {call}.", label)
            for call, name in _CALLS.items()
        }
        self.errors = {
            call: ledger.count(f"pod_resources_endpoint_errors_{name}", f"How many calls of {call} failed.", label)
            for call, name in _CALLS.items()
        }

    def called(self, call: str) -> None:
        """Count a call."""
        self.total.add(_VERSION)
        self.calls[call].add(_VERSION)

    def failed(self, call: str) -> None:
        """Count a call that was answered with an error."""
        self.errors[call].add(_VERSION)
