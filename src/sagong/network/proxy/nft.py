"""The only place that changes packet rules: it hands a transaction to `nft -f -`.

Why a process and not libnftables in ours (measured, Linux 6.18, nft 1.0.6): one change takes 17 ms with the process and 14 ms with
the library, most of it the kernel's commit; but nft reads the ruleset into memory each time, and the library does not give it back:
28 MB after 20 changes among 1000 services, 93 MB among 5000.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Sequence

from sagong.network.proxy.objects import script


class NftError(Exception):
    """The kernel or nft refused a transaction; nothing of it took effect. The text is nft's first line."""


class Nft:
    """Runs transactions one at a time."""

    def __init__(self, command: Sequence[str] = ()) -> None:
        self._command = tuple(command) or (shutil.which("nft", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin") or "nft",)
        self._turn = asyncio.Lock()

    async def run(self, commands: Iterable[str]) -> None:
        """Apply all commands, or none. Raises NftError."""
        async with self._turn:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    "-f",
                    "-",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                )
            except OSError as error:
                raise NftError(f"{self._command[0]}: {error.strerror}; install nftables") from error
            _, errors = await process.communicate(script(commands).encode())
        if process.returncode:
            lines = errors.decode(errors="replace").strip().splitlines()
            raise NftError(lines[0] if lines else f"nft ended with {process.returncode}")
