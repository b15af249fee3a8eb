"""Why a container ended, in its own words: its termination message, or the end of its log (terminationMessagePolicy)."""

from __future__ import annotations

from pathlib import Path

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.server.log_lines import Options, Renderer
from sagong.node.volumes.untrusted import read_tail

MESSAGE_LIMIT = 4096
LOG_LIMIT = 2048
LOG_LINES = 80

_CANNOT_RUN = "ContainerCannotRun"


def message_of(status: cri.ContainerStatus) -> str:
    """Return the runtime's message, then the container's own."""
    own = _own_message(status)
    return ": ".join(part for part in (status.message, own) if part)


def _own_message(status: cri.ContainerStatus) -> str:
    notes = status.annotations
    may_read_log = notes.get(labels.MESSAGE_POLICY) == "FallbackToLogsOnError" and status.exit_code != 0 and status.reason != _CANNOT_RUN
    text = ""
    if path := notes.get(labels.MESSAGE_PATH):
        wanted = path if path.startswith("/") else f"/{path}"
        mount = next((m.host_path for m in status.mounts if m.container_path == wanted), None)
        try:
            text = read_tail(Path(mount), MESSAGE_LIMIT).decode(errors="replace") if mount else ""
        except FileNotFoundError:
            text = ""
        except OSError as error:
            return f"Error on reading termination log {mount}: {error.strerror}"
    return text or (log_tail(status.log_path) if may_read_log else "")


def log_tail(path: str, limit: int = LOG_LIMIT, lines: int = LOG_LINES) -> str:
    """Return the last lines of a CRI log file without their time, stream and tag; "" when there is none."""
    try:
        data = read_tail(Path(path), limit * 4)
    except OSError:
        return ""
    renderer = Renderer(Options())
    text = "".join(renderer.render(line).decode(errors="replace") for line in data.splitlines(keepends=True)[-lines:])
    return text.encode()[-limit:].decode(errors="ignore")
