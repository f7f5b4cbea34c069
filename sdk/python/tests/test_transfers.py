"""Uploads, downloads and archives over connections that are cut anywhere."""

from __future__ import annotations

import io
import os
import random
import secrets
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from capsuled import Capsule, CapsuledError, Client

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy

T = TypeVar("T")
KIB = 1024


def outcome_of(work: Callable[[], T]) -> T | None:
    """What a call gives, or None where it is an error of the SDK's own. Anything else is a failure."""
    try:
        return work()
    except CapsuledError:
        return None


@pytest.mark.server
@behaviour("error.cut-transfers")
def test_what_is_cut_on_its_way_is_whole_goes_on_or_is_an_error(
    capsule: Capsule, server_url: str, request: pytest.FixtureRequest
) -> None:
    seed = os.environ.get("CAPSULED_CUT_SEED") or secrets.token_hex(4)
    print(f"CAPSULED_CUT_SEED={seed}")
    dice = random.Random(seed)

    def anywhere() -> Iterator[int | None]:
        # Small numbers as often as large ones, from the first byte to beyond the last.
        while True:
            yield int(2 ** dice.uniform(0, 21))

    def cut_by(proxy: CuttingProxy) -> Iterator[Capsule]:
        request.addfinalizer(proxy.close)
        with Client(url=proxy.url, retries=1) as client:
            for _ in range(5):
                cut = outcome_of(lambda: Capsule.connect(capsule.id, client=client))
                if cut is not None:
                    yield cut

    folder = f"/workspace/{secrets.token_hex(4)}"
    data = secrets.token_bytes(1000 * KIB)
    capsule.files.write(f"{folder}/tree/data", data)
    capsule.files.write(f"{folder}/tree/small", b"small")
    archive = b"".join(capsule.files.read_archive(f"{folder}/tree"))
    down = CuttingProxy(server_url, anywhere())
    for cut in cut_by(down):
        assert outcome_of(lambda cut=cut: cut.files.read_bytes(f"{folder}/tree/data")) in {None, data}, seed  # type: ignore[misc]
        streamed = outcome_of(lambda cut=cut: b"".join(cut.files.read_stream(f"{folder}/tree/data")))  # type: ignore[misc]
        assert streamed in {None, data}, seed
        packed = outcome_of(lambda cut=cut: b"".join(cut.files.read_archive(f"{folder}/tree")))  # type: ignore[misc]
        assert packed in {None, archive}, seed
    assert down.cuts > 0, seed
    up = CuttingProxy(server_url, iter(()), anywhere())
    for cut in cut_by(up):
        before, after = secrets.token_bytes(100 * KIB), secrets.token_bytes(1000 * KIB)
        capsule.files.write(f"{folder}/up", before)
        is_sent = outcome_of(lambda cut=cut, after=after: cut.files.write(f"{folder}/up", io.BytesIO(after)) or True)  # type: ignore[misc]
        there = capsule.files.read_bytes(f"{folder}/up")
        assert there == after or (is_sent is None and there == before), f"neither the whole nor what was there before: {seed}"
        out = f"{folder}/{secrets.token_hex(4)}"
        written = outcome_of(lambda cut=cut, out=out: cut.files.write_archive(out, io.BytesIO(archive)))  # type: ignore[misc]
        assert written is None or written.entries == 2, seed
        if written is not None or capsule.files.exists(f"{out}/data"):
            assert capsule.files.read_bytes(f"{out}/data") == data, f"a member is whole or not there: {seed}"
    assert up.cuts > 0, seed
