"""The namespaces of the nodes that live on this machine beside the first, and the network between all of them.

    machine  --  <bridge>-n, the first address of the node range  --  <bridge>-2 = eth0 of node 2, the second address, and so on

What a node sends elsewhere than to nodes and pods leaves under the machine's address. Every step can be repeated.
"""

from __future__ import annotations

import ipaddress
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sagong.cluster.config import ClusterConfig, ConfigError
from sagong.cluster.node import NodeConfig
from sagong.cluster.preflight import find

TABLE = "sagong-nodes"
Command = list[str]


def check(cluster: ClusterConfig) -> None:
    """Refuse a range that does not do for the nodes, or that this machine is in already. Raises ConfigError."""
    if cluster.real_nodes == 1:
        return
    try:
        network = ipaddress.ip_network(cluster.node_cidr)
    except ValueError as error:
        raise ConfigError(f"{error}; give another --node-cidr") from error
    if network.version != 4 or network.num_addresses < cluster.nodes + 2:  # noqa: PLR2004 - IPv4
        raise ConfigError(f"{network} is no IPv4 range for {cluster.nodes} nodes; give another --node-cidr")
    listed = subprocess.run([_ip(), "-o", "-4", "address"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own words
    for _, link, _, address, *_ in map(str.split, listed.splitlines()):
        if link != node_bridge(cluster) and ipaddress.ip_interface(address).network.overlaps(network):
            raise ConfigError(f"{network}, which the nodes need, is used by the interface {link}; give another --node-cidr")


def ensure(cluster: ClusterConfig) -> None:
    """Make the namespaces and the network between the nodes; what is there stays. Raises ConfigError."""
    further = [node for node in cluster.all_nodes if node.space]
    if not further:
        return
    if node_bridge(cluster) not in _links():
        _run_all(bridge_commands(cluster))
    _run_all([[_nft(), rules(cluster)]])
    for node in further:
        if not _is_made(node):
            _make(node)
            _run_all(wire_commands(cluster, node))


def remove(cluster: ClusterConfig) -> None:
    """Remove the namespaces, and with them all that was in them, and the network between the nodes."""
    for directory in Path(cluster.run_dir, "nodes").glob("*/space"):
        for name in ("net", "uts"):
            subprocess.run(["umount", str(directory / name)], check=False, capture_output=True)  # noqa: S603, S607 - fixed words
            (directory / name).unlink(missing_ok=True)
    bridge = node_bridge(cluster)
    # wires end with their namespaces, but the kernel takes its time
    links = [name for name in _links() if name.startswith(f"{cluster.bridge}-")]
    for link in sorted(links, key=lambda name: name == bridge):
        subprocess.run([_ip(), "link", "delete", link], check=False, capture_output=True)  # noqa: S603 - our own words
    if links:
        subprocess.run([_nft(), "delete", "table", "ip", TABLE], check=False, capture_output=True)  # noqa: S603 - our own words


def node_bridge(cluster: ClusterConfig) -> str:
    """Return the name of the bridge between the nodes."""
    return f"{cluster.bridge}-n"


def bridge_commands(cluster: ClusterConfig) -> Iterator[Command]:
    """Yield the commands that make the bridge, with the address at which the machine is every node's gateway."""
    bridge, length = node_bridge(cluster), ipaddress.ip_network(cluster.node_cidr).prefixlen
    yield [_ip(), "link", "add", bridge, "type", "bridge"]
    yield [_ip(), "address", "add", f"{cluster.node_gateway}/{length}", "dev", bridge]
    yield [_ip(), "link", "set", bridge, "up"]


def wire_commands(cluster: ClusterConfig, node: NodeConfig) -> Iterator[Command]:
    """Yield the commands that connect a node's namespace to the bridge."""
    length = ipaddress.ip_network(cluster.node_cidr).prefixlen
    yield [_ip(), "link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", f"{node.space}/net"]
    yield [_ip(), "link", "set", node.link, "master", node_bridge(cluster), "up"]
    # From a node's pod through another node's port to a pod of the first: where bridged packets pass the packet rules, the bridge
    # sends it back on the wire that it came by, which it does only if told so.
    yield [_ip(), "link", "set", node.link, "type", "bridge_slave", "hairpin", "on"]
    yield node.inside(_ip(), "link", "set", "lo", "up")
    yield node.inside(_ip(), "address", "add", f"{node.ip}/{length}", "dev", "eth0")
    yield node.inside(_ip(), "link", "set", "eth0", "up")
    yield node.inside(_ip(), "route", "add", "default", "via", cluster.node_gateway)


def rules(cluster: ClusterConfig) -> str:
    """Return the packet rules that let nodes reach the world: what nodes and pods say to each other keeps its address."""
    inside = f"{cluster.node_cidr}, {cluster.pod_cidr}"
    return (
        f"add table ip {TABLE}\n"
        f"flush table ip {TABLE}\n"
        f"add chain ip {TABLE} postrouting {{ type nat hook postrouting priority 100 ; }}\n"
        f"add rule ip {TABLE} postrouting ip saddr {cluster.node_cidr} ip daddr != {{ {inside} }} masquerade\n"
    )


def _make(node: NodeConfig) -> None:
    """Make a node's network and UTS namespace, held by files as `ip netns` does it; the host name in it is the node's."""
    space = Path(node.space)
    space.mkdir(parents=True, exist_ok=True)
    for name in ("net", "uts"):
        (space / name).touch()
    short = node.name[:64]  # the kernel takes no more
    _run_all([["unshare", f"--net={space}/net", f"--uts={space}/uts", "hostname", short]])


def _is_made(node: NodeConfig) -> bool:
    """Say whether the files hold namespaces: they are then of another file system than their directory."""
    space = Path(node.space)
    return all((space / name).exists() and (space / name).stat().st_dev != space.stat().st_dev for name in ("net", "uts"))


def _links() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def _nft() -> str:
    return find("nft") or "nft"


def _ip() -> str:
    return find("ip") or "ip"


def _run_all(commands: Iterator[Command] | list[Command]) -> None:
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise ConfigError(f"cannot make the nodes' network: `{' '.join(command)}`: {said}")
