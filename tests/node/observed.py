"""What the runtime might tell, made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.node.builders import pod as bare_pod

from sagong.api.defaults import apply_defaults
from sagong.api.types.core import Pod
from sagong.node.cri.labels import container_hash
from sagong.node.downward import every_container
from sagong.node.observe import ContainerRun, Observed, Sandbox, State

SECOND = 1_000_000_000
T0 = 1_700_000_000
SANDBOX = Sandbox(id="sb0", attempt=0, ready=True, created_at=T0 * SECOND, ips=("10.0.0.5",))


def pod(text: str) -> Pod:
    """Return a defaulted pod; containers need only a name."""
    found = bare_pod(text)
    for container in every_container(found):
        container.image = container.image or "img"
    apply_defaults(found)
    return found


def run(
    of: Pod, name: str, state: State = "running", *, code: int = 0, ended: int = 0, attempt: int = 0, sandbox: str = "sb0", reason: str = ""
) -> ContainerRun:
    """Return a run of a container as its definition is now; `ended` is seconds after T0, `attempt` also orders runs."""
    spec = next(c for c in every_container(of) if c.name == name)
    return ContainerRun(
        id=f"{name}-{attempt}",
        name=name,
        sandbox_id=sandbox,
        state=state,
        restart_count=attempt,
        created_at=(T0 + attempt) * SECOND,
        started_at=(T0 + attempt) * SECOND,
        finished_at=(T0 + ended) * SECOND if state == "exited" else 0,
        exit_code=code,
        reason=reason or ("Completed" if code == 0 else "Error") if state == "exited" else "",
        image=spec.image,
        image_id="sha256:1",
        hash=container_hash(spec),
    )


def observed(*runs: ContainerRun, sandboxes: tuple[Sandbox, ...] = (SANDBOX,)) -> Observed:
    newest = tuple(sorted(runs, key=lambda found: found.created_at, reverse=True))
    ips = next((sandbox.ips for sandbox in sandboxes if sandbox.ready), ())
    return Observed(uid="u1", name="p", namespace="ns", sandboxes=sandboxes, runs=newest, ips=ips)


def dead(sandbox: Sandbox = SANDBOX) -> Sandbox:
    return replace(sandbox, ready=False)


@dataclass
class NoHolds:
    """Holds nothing back, but what it is told to, by container name; the name "" is the sandbox."""

    held: dict[str, float] = field(default_factory=dict)

    def until(self, key: str, since: float) -> float:
        delay = next((delay for name, delay in self.held.items() if (f"/{name}/" in key if name else key.endswith("/"))), 0.0)
        return since + delay if delay else 0.0

    def delay(self, key: str) -> float:
        return next((delay for name, delay in self.held.items() if (f"/{name}/" in key if name else key.endswith("/"))), 0.0)
