"""Tokens: kept for as long as they are good, asked for once however many need them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.virtual import loop
from tests.virtual.loop import VirtualClock

from sagong.client.config import ClientConfig
from sagong.client.credentials import FILE_LIFE, AskedToken, FileToken, bearer_of

LIFE = 3600.0


class Issuer:
    """Issues numbered tokens, each after a while; fails when told to."""

    def __init__(self) -> None:
        self.issued = 0
        self.failures = 0

    async def __call__(self) -> tuple[str, float]:
        await asyncio.sleep(1)
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.issued += 1
        return f"token-{self.issued}", LIFE


def asked() -> tuple[VirtualClock, Issuer, AskedToken]:
    clock, issuer = VirtualClock(asyncio.get_running_loop()), Issuer()
    return clock, issuer, AskedToken(issuer, clock)


def test_of_many_who_need_a_token_one_asks() -> None:
    async def main() -> None:
        clock, issuer, bearer = asked()
        assert set(await asyncio.gather(*(bearer.token() for _ in range(20)))) == {"token-1"}
        await clock.sleep(LIFE * 0.8 - 1)
        assert await bearer.token() == "token-1"
        await clock.sleep(1)
        assert set(await asyncio.gather(*(bearer.token() for _ in range(20)))) == {"token-2"}
        assert issuer.issued == 2

    loop.run(main())


def test_who_waited_asks_when_the_first_was_refused() -> None:
    async def main() -> None:
        _, issuer, bearer = asked()
        issuer.failures = 2
        got = await asyncio.gather(*(bearer.token() for _ in range(5)), return_exceptions=True)
        assert [type(found) for found in got] == [ConnectionError, ConnectionError, str, str, str]
        assert issuer.issued == 1

    loop.run(main())


def test_a_token_that_was_refused_is_not_used_again() -> None:
    async def main() -> None:
        _, _, bearer = asked()
        assert await bearer.token() == "token-1"
        assert bearer.renew()
        assert await bearer.token() == "token-2"

    loop.run(main())


def test_a_file_is_read_once_a_minute_or_when_its_token_was_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"

    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        bearer = FileToken(str(file), clock)
        with pytest.raises(FileNotFoundError):
            await bearer.token()
        file.write_text("one\n")
        assert await bearer.token() == "one"
        file.write_text("two")
        await clock.sleep(FILE_LIFE - 1)
        assert await bearer.token() == "one"
        await clock.sleep(1)
        assert await bearer.token() == "two"
        file.write_text("three")
        assert bearer.renew()
        assert await bearer.token() == "three"
        file.unlink()
        await clock.sleep(FILE_LIFE)
        assert await bearer.token() == "three", "what was last readable"

    loop.run(main())


def test_a_given_token_stays() -> None:
    async def main() -> None:
        bearer = bearer_of(ClientConfig("http://server.invalid", token="given"), VirtualClock(asyncio.get_running_loop()))
        assert await bearer.token() == "given"
        assert not bearer.renew()

    loop.run(main())
