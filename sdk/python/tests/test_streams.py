from __future__ import annotations

import asyncio
import gc
import hashlib
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from capsuled import AsyncCapsule, AsyncClient, Capsule, Client, ProcessStream, errors
from capsuled._async.process_feed import AsyncProcessFeed
from capsuled._sync.commands import Commands
from capsuled.stream_events import ExitEvent, StreamEvent

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy
from .test_commands import gone, present

pytestmark = pytest.mark.server
Cutting = Callable[[Iterator[int | None]], CuttingProxy]


def text(events: list[StreamEvent], kind: str = "stdout") -> str:
    return "".join(event.data for event in events if event.type in ("stdout", "stderr") and event.type == kind)


def end_of(events: list[StreamEvent]) -> ExitEvent:
    assert isinstance(events[-1], ExitEvent)
    return events[-1]


@behaviour("stream.events")
def test_a_streamed_command_gives_its_events_in_order(capsule: Capsule) -> None:
    events = list(capsule.commands.stream("echo out; sleep 0.1; echo err >&2; exit 7"))
    assert [event.type for event in events] == ["start", "stdout", "stderr", "exit"]
    start, end = events[0], end_of(events)
    assert start.type == "start"
    assert start.pid > 0
    assert (end.exit_code, end.reason, end.verified, end.ok) == (7, "exited", True, False)
    assert text(list(capsule.commands.stream("printf", ["%s", "$HOME *"]))) == "$HOME *"


@behaviour("stream.resume")
def test_a_stream_that_is_cut_at_random_bytes_goes_on_by_itself(capsule: Capsule, cutting: Cutting) -> None:
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    proxy = cutting(iter([0, 130, 200, 320, *(dice.randrange(1, 200_000) for _ in range(12)), None]))
    with Client(url=proxy.url, reconnect_timeout=120) as through:
        script = "for i in $(seq 60); do seq $((i * 500)) $((i * 500 + 499)); echo e$i >&2; sleep 0.01; done; exit 9"
        stream = Commands(through.transport, capsule.id).stream(script)
        events = list(stream)
    expected = "".join(f"{n}\n" for i in range(1, 61) for n in range(i * 500, i * 500 + 500))
    assert text(events) == expected, f"seed {seed}"
    assert text(events, "stderr") == "".join(f"e{i}\n" for i in range(1, 61)), f"seed {seed}"
    assert (end_of(events).exit_code, end_of(events).verified) == (9, True), f"seed {seed}"
    assert sum(event.type == "start" for event in events) == 1
    assert proxy.cuts >= 4, f"seed {seed}"


def test_an_asynchronous_stream_that_is_cut_goes_on_too(capsule: Capsule, cutting: Cutting) -> None:
    proxy = cutting(iter([None, 0, 250, 30_000, 60_000, None]))

    async def scenario() -> tuple[str, ExitEvent | None]:
        mine = await AsyncCapsule.connect(capsule.id, url=proxy.url)
        stream = mine.commands.stream("seq 50000")
        content = "".join([event.data async for event in stream if event.type == "stdout"])
        await mine.aclose()
        return content, stream.exit

    content, end = asyncio.run(scenario())
    assert content == "".join(f"{n}\n" for n in range(1, 50001))
    assert end is not None
    assert end.verified
    assert proxy.cuts >= 3


@behaviour("stream.gap")
def test_output_that_is_not_kept_any_more_is_one_gap_that_counts_its_bytes(capsule: Capsule) -> None:
    handle = capsule.commands.run("head -c 300000000 /dev/zero; sleep 600", background=True)
    deadline = time.monotonic() + 120
    while (page := next(capsule.commands.pages(handle.id, limit=1), None)) is None or page.total < 300_000_000:
        assert time.monotonic() < deadline, "the output did not come"
        time.sleep(0.2)
    with handle.stream() as stream:
        events = iter(stream)
        assert next(events).type == "start"
        gap = next(events)
        assert gap.type == "gap"
        first = next(events)
        assert first.type == "stdout"
        assert first.seq == gap.seq + 1
    page = next(capsule.commands.pages(handle.id, limit=1))
    assert page.gap_bytes == page.from_ == gap.stdout_bytes > 0
    assert gap.stderr_bytes == 0
    handle.kill()


@behaviour("stream.text")
def test_a_split_character_arrives_whole_and_what_is_no_text_is_exact(capsule: Capsule) -> None:
    script = "printf '\\342\\202'; sleep 0.2; printf '\\254'; printf '\\377'; sleep 0.1; printf '\\342'"
    events = list(capsule.commands.stream(script))
    assert text(events) == "€��"
    assert b"".join(event.raw for event in events if event.type == "stdout") == b"\xe2\x82\xac\xff\xe2"
    assert end_of(events).verified
    again = capsule.commands.connect(end_of_id(events), begin=2)
    assert text(list(again)) == "€��"


def end_of_id(events: list[StreamEvent]) -> str:
    assert events[0].type == "start"
    return events[0].id


@behaviour("stream.slow-consumer")
def test_a_slow_consumer_loses_nothing_and_what_waits_for_it_is_bounded(capsule: Capsule) -> None:
    size = 60_000_000
    stream = capsule.commands.stream("head", ["-c", str(size), "/dev/urandom"])
    digest, count, reads = hashlib.sha256(), 0, 0
    tracemalloc.start()
    try:
        for event in stream:
            if event.type == "stdout":
                digest.update(event.raw)
                count += len(event.raw)
                reads += 1
                if reads <= 20:
                    time.sleep(0.05)
                if reads == 20:
                    most = tracemalloc.get_traced_memory()[1]
                    assert most < 16_000_000, f"{most} bytes were held"
                    tracemalloc.stop()
    finally:
        tracemalloc.stop()
    assert count == size
    assert stream.exit is not None
    assert stream.exit.verified
    assert stream.exit.stdout_sha256 == digest.hexdigest()


@behaviour("stream.stdin")
def test_what_is_written_reaches_standard_input_and_closing_it_is_its_end(capsule: Capsule) -> None:
    content = bytes(range(256)) * 2000
    with capsule.commands.stream("cat", [], stdin=True) as stream:
        stream.write_stdin("line é\n")
        stream.write_stdin(content)
        stream.close_stdin()
        raw = b"".join(event.raw for event in stream if event.type == "stdout")
    assert raw == "line é\n".encode() + content
    with capsule.commands.stream("sleep", ["30"]) as closed, pytest.raises(errors.CapsuledError, match="stdin=True"):
        closed.write_stdin("x")


@behaviour("stream.stdin-resume")
def test_what_is_written_over_cuts_reaches_standard_input_once(capsule: Capsule, cutting: Cutting) -> None:
    dice = random.Random("stream.stdin-resume")
    proxy = cutting(chain((dice.randint(1, 300_000) for _ in range(12)), repeat(None)))
    content = dice.randbytes(3_000_000)
    got = hashlib.sha256()
    with Client(url=proxy.url) as through:
        stream = Commands(through.transport, capsule.id).stream("cat; echo end >&2", stdin=True)

        def write() -> None:
            for at in range(0, len(content), 70_001):
                stream.write_stdin(content[at : at + 70_001])
            stream.close_stdin()

        with stream:
            writer = threading.Thread(target=write)
            writer.start()
            said = ""
            for event in stream:
                if event.type == "stdout":
                    got.update(event.raw)
                elif event.type == "stderr":
                    said += event.data
            writer.join()
    assert stream.exit is not None
    assert (said, stream.exit.exit_code, stream.exit.verified) == ("end\n", 0, True)
    assert got.hexdigest() == hashlib.sha256(content).hexdigest()
    assert proxy.cuts > 5


def test_more_than_may_wait_is_written_before_anything_is_read(capsule: Capsule) -> None:
    content = bytes(range(256)) * 12_000
    with capsule.commands.stream("sha256sum", [], stdin=True) as stream:
        stream.write_stdin(content)
        stream.close_stdin()
        text = "".join(event.data for event in stream if event.type == "stdout")
    assert text.split()[0] == hashlib.sha256(content).hexdigest()


def test_writing_to_a_process_that_has_ended_is_an_error(capsule: Capsule) -> None:
    with capsule.commands.stream("true", [], stdin=True) as stream:
        stream.wait()
        with pytest.raises(errors.CapsuledError):
            stream.write_stdin("x")


def test_standard_input_is_written_and_read_by_two_tasks(server_url: str, capsule: Capsule) -> None:
    content = bytes(range(256)) * 12_000

    async def run() -> bytes:
        async with AsyncClient(url=server_url) as client:
            same = await AsyncCapsule.connect(capsule.id, client=client)
            stream = same.commands.stream("cat", [], stdin=True)

            async def write() -> None:
                await stream.write_stdin(content)
                await stream.close_stdin()

            writing = asyncio.create_task(write())
            got = b"".join([event.raw async for event in stream if event.type == "stdout"])
            await writing
            return got

    assert asyncio.run(run()) == content


@behaviour("stream.stop")
def test_a_stream_can_be_stopped_and_tells_how_the_command_ended(capsule: Capsule) -> None:
    stream = capsule.commands.stream("echo ready; sleep 40")
    for event in stream:
        if event.type == "stdout":
            stream.stop()
    assert stream.exit is not None
    assert stream.exit.reason == "stopped"


@behaviour("stream.abort")
def test_a_stream_that_is_left_ends_its_command_unless_it_was_asked_to_go_on(capsule: Capsule, server_url: str) -> None:
    def leave(stream: ProcessStream, mark: str) -> None:
        for event in stream:
            assert event.type == "start"
            break
        present(capsule, mark)

    leave(capsule.commands.stream("sleep 11122"), "11122")
    gone(capsule, "11122")
    with pytest.raises(ZeroDivisionError), capsule.commands.stream("sleep 11133") as stream:
        next(iter(stream))
        raise ZeroDivisionError
    gone(capsule, "11133")
    kept = capsule.commands.stream("sleep 11144", keep_running=True)
    with kept:
        next(iter(kept))
    assert kept.started is not None
    assert capsule.commands.get(kept.started.id).running
    with capsule.commands.connect(kept.started.id) as attached:
        next(iter(attached))
    assert capsule.commands.get(kept.started.id).running
    capsule.commands.kill(kept.started.id)

    async def cancelled() -> None:
        mine = await AsyncCapsule.connect(capsule.id, url=server_url)
        try:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(mine.commands.stream("sleep 11155").wait(), 1)
        finally:
            await mine.aclose()

    asyncio.run(cancelled())
    gone(capsule, "11155")


def test_a_stream_whose_opening_is_given_up_ends_the_command_that_it_has_started(
    capsule: Capsule, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened_and_given_up() -> None:
        mine = await AsyncCapsule.connect(capsule.id, url=server_url)
        sent = asyncio.Event()

        async def silent(_feed: AsyncProcessFeed, _socket: object) -> dict[str, object]:
            sent.set()
            return await asyncio.Event().wait()  # type: ignore[return-value]

        monkeypatch.setattr(AsyncProcessFeed, "_receive", silent)
        try:
            stream = mine.commands.stream("sleep 11166", stdin=True)
            opening = asyncio.create_task(stream.__aenter__())
            await sent.wait()
            await asyncio.to_thread(present, capsule, "11166")
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        finally:
            await mine.aclose()

    asyncio.run(opened_and_given_up())
    gone(capsule, "11166")


@behaviour("stream.spawn-failed")
def test_a_streamed_program_that_does_not_exist_is_an_error(capsule: Capsule) -> None:
    with pytest.raises(errors.SpawnFailedError) as raised:
        list(capsule.commands.stream("no-such-program", []))
    assert raised.value.code == "spawn_failed"
    with pytest.raises(errors.CwdNotFoundError):
        list(capsule.commands.stream("true", cwd="/nowhere"))


def test_a_capsule_that_ends_under_a_stream_ends_the_stream_with_why(client: Client) -> None:
    with Capsule(memory_mb=64, wait=True, client=client) as short:
        stream = short.commands.stream("sleep 50")
        events = iter(stream)
        assert next(events).type == "start"
        short.destroy()
        try:
            rest = list(events)
        except errors.ApiError as error:
            assert error.code in {"capsule_gone", "invalid_state", "not_found"}
        else:
            assert end_of(rest).reason in {"capsule_destroyed", "killed"}


def test_an_unknown_capsule_refuses_a_stream_with_its_status(client: Client) -> None:
    with pytest.raises(errors.NotFoundError) as raised:
        list(Commands(client.transport, "cl-" + "0" * 25).stream("true"))
    assert raised.value.status == 404


def test_an_iterator_dropped_by_the_garbage_collector_in_the_midst_of_a_request_blocks_nothing(capsule: Capsule) -> None:
    thresholds = gc.get_threshold()
    marks = [f"2233{n}" for n in range(5)]
    try:
        for mark in marks:
            gc.collect()
            gc.set_threshold(20)
            cycle: list[object] = [iter(capsule.commands.stream(f"sleep {mark}"))]
            assert next(cycle[0]).type == "start"  # type: ignore[call-overload]
            cycle.append(cycle)
            del cycle
            for _ in range(20):
                capsule.commands.list()
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    for mark in marks:
        gone(capsule, mark)
