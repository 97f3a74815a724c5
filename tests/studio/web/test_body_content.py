"""Where the bytes of large bodies are kept."""

import asyncio
import io

import pytest

from studio.web.body_content import IN_MEMORY, WRITTEN_AT_ONCE, Content, Memory

PIECE = bytes(range(256)) * 256  # 64 KiB
SMALL, LARGE, HUGE = IN_MEMORY, 2 * IN_MEMORY, 2 * WRITTEN_AT_ONCE


def content_of(memory, folder, size, announced=0):
    """A finished content of `size` bytes that arrived piece by piece."""

    async def go():
        content = Content(memory, folder)
        for _ in range(size // len(PIECE)):
            await content.add(PIECE, announced)
        await content.finish()
        return content

    return asyncio.run(go())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "bodies"


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "of unknown length"])
@pytest.mark.parametrize("size", [SMALL, LARGE, HUGE])
@pytest.mark.parametrize("budget", [0, IN_MEMORY, HUGE])
def test_content_is_read_back_whole_wherever_it_lies(folder, size, budget, announced):
    content = content_of(Memory(budget, most=HUGE), folder, size, size if announced else 0)

    assert content.file.read() == PIECE * (size // len(PIECE))
    assert content.size == size


def test_body_within_the_budget_is_never_written_to_disk(folder):
    content_of(Memory(LARGE, most=LARGE), folder, LARGE)

    assert not folder.exists()


def test_body_beyond_the_budget_goes_to_disk_and_leaves_the_budget_to_others(folder):
    memory = Memory(IN_MEMORY, most=HUGE)

    on_disk = content_of(memory, folder, HUGE)
    in_memory = content_of(memory, folder, LARGE)

    assert not isinstance(on_disk.file, io.BytesIO)
    assert isinstance(in_memory.file, io.BytesIO)


def test_body_announced_as_larger_than_any_may_hold_goes_to_disk_at_once(folder):
    content = content_of(Memory(HUGE, most=LARGE), folder, SMALL, announced=LARGE + 1)

    assert not isinstance(content.file, io.BytesIO)


def test_closed_body_gives_its_memory_back(folder):
    memory = Memory(IN_MEMORY, most=HUGE)
    first = content_of(memory, folder, LARGE)
    while_held = content_of(memory, folder, LARGE)
    first.close()
    afterwards = content_of(memory, folder, LARGE)

    assert not isinstance(while_held.file, io.BytesIO)
    assert isinstance(afterwards.file, io.BytesIO)


def test_small_bodies_need_no_budget(folder):
    assert isinstance(content_of(Memory(0, most=0), folder, SMALL).file, io.BytesIO)
