"""The `sagong` command, put together."""

from __future__ import annotations

from sagong.cli.app import build
from sagong.cluster.operations import HostOperations


def main() -> None:
    """Run the command line."""
    build(HostOperations())(prog_name="sagong")


if __name__ == "__main__":
    main()
