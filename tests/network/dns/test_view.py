"""The server's copy of the cluster follows a real API server."""

from __future__ import annotations

from pathlib import Path

import dnslib
from tests.network.api import api, background, until
from tests.network.builders import endpoint, service, slice_of

from sagong.api.types.core import Service
from sagong.network.dns.cluster_names import ClusterNames
from sagong.network.dns.view import InformerView
from sagong.network.dns.wire import Reply, read_query


async def test_names_follow_the_api(tmp_path: Path) -> None:
    async with api(tmp_path) as client, background((view := InformerView(client, client.clock)).run()):
        await view.wait_synced()
        assert view.synced
        names = ClusterNames("cluster.local", view)

        def answers(name: str, kind: str = "A") -> int:
            reply = names.answer(read_query(dnslib.DNSRecord.question(name, kind).pack()))
            return len(reply.answers) if isinstance(reply, Reply) else 0

        assert answers("kubernetes.default.svc.cluster.local") == 1
        await client.create(service("web", "10.96.0.9"))
        await until(lambda: answers("web.default.svc.cluster.local") == 1)
        assert answers("9.0.96.10.in-addr.arpa", "PTR") == 1
        await client.create(service("db", clusterIPs=["None"]))
        await client.create(slice_of("db", endpoint("10.244.0.6", hostname="db-0"), endpoint("10.244.0.7")))
        await until(lambda: answers("db.default.svc.cluster.local") == 2)
        assert answers("db-0.db.default.svc.cluster.local") == 1
        assert answers("6.0.244.10.in-addr.arpa", "PTR") == 1
        await client.delete(Service, "web", "default")
        await until(lambda: answers("web.default.svc.cluster.local") == 0)
