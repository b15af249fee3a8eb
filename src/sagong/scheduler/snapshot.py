"""What one attempt sees of the cluster: the table of nodes, their order, and the population as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from sagong.scheduler.columns import Ints
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.pod_info import Labels
from sagong.scheduler.population import Population
from sagong.scheduler.table import Table


class Surroundings:
    """What is known of the cluster as a whole, kept as nodes and pods come and go."""

    def __init__(self) -> None:
        self.table = Table()
        self.population = Population(self.table)
        self.image_nodes: dict[str, int] = {}
        """On how many nodes each image is, by image name."""
        self.tainted: set[str] = set()
        self.cordoned: set[str] = set()


class Snapshot:
    """The cluster at one moment. It shares the cache's objects: an attempt ends before the next change is let in."""

    def __init__(self, order: Ints, around: Surroundings) -> None:
        self.order = order
        """The rows of the nodes that exist, in the order in which they are tried."""
        self.around = around

    @property
    def table(self) -> Table:
        """All nodes."""
        return self.around.table

    @property
    def nodes(self) -> Nodes:
        """The nodes that exist, in order."""
        return Nodes(self.table, self.order)

    @property
    def population(self) -> Population:
        """All counted pods."""
        return self.around.population

    @property
    def namespaces(self) -> Mapping[str, Labels]:
        """The labels of namespaces."""
        return self.population.namespaces

    def get(self, name: str) -> NodeInfo | None:
        """Return a node that exists."""
        info = self.table.by_name.get(name)
        return info if info is not None and info.exists else None

    def __len__(self) -> int:
        return len(self.order)
