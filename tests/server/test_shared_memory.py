"""Tensors in memory that client and server share, through Triton's client and by hand."""

import os
from collections.abc import Callable, Iterator
from multiprocessing import shared_memory as system
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as shm
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.app import Server
from preproc_server.errors import BusyError, RegionError, TakenError, UnknownRegionError
from preproc_server.parameters import Place
from preproc_server.shared_memory import Regions

from preproc.runtime import Session

Columns = dict[str, NDArray[Any]]
SIZE = 64


@pytest.fixture
def regions(tmp_path: Path) -> Regions:
    (tmp_path / "memory").write_bytes(bytes(range(SIZE)))
    return Regions(max_bytes=SIZE, home=tmp_path)


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"localhost:{server.port}") as opened:
        yield opened
        opened.unregister_system_shared_memory()


@pytest.fixture
def memory() -> Iterator[Callable[[int], Any]]:
    made: list[Any] = []

    def make(size: int) -> Any:
        key = f"/preproc-test-{os.getpid()}-{len(made)}"
        made.append(shm.create_shared_memory_region(f"memory {len(made)}", key, size))
        return made[-1], key

    yield make
    for handle in made:
        shm.destroy_shared_memory_region(handle)


def test_inputs_and_outputs_lie_in_shared_memory(
    client: Any, memory: Callable[[int], Any], session: Session, batch: Columns
) -> None:
    handle, key = memory(4096)
    client.register_system_shared_memory("both", key, 4096)
    inputs, offset = [], 0
    for name, array in batch.items():
        tensor = triton.InferInput(name, array.shape, wire.datatype_of(array).wire)
        if name == "age":
            tensor.set_data_from_numpy(array)
        else:
            raw = wire.raw_of(array)
            shm.set_shared_memory_region(handle, [np.frombuffer(raw, np.uint8)], offset=offset)
            tensor.set_shared_memory("both", len(raw), offset=offset)
            offset += len(raw)
        inputs.append(tensor)
    placed = triton.InferRequestedOutput("probabilities")
    placed.set_shared_memory("both", 48, offset=1024)
    outputs = [triton.InferRequestedOutput("label"), placed]
    result = client.infer("tiny", inputs, outputs=outputs)
    want = session.run(batch)
    got = shm.get_contents_as_numpy(handle, np.float64, (3, 2), offset=1024)
    np.testing.assert_array_equal(got, want["probabilities"])
    assert [text.decode() for text in result.as_numpy("label")] == want["label"].tolist()
    told = result.get_output("probabilities").parameters
    assert told["shared_memory_region"].string_param == "both"
    assert told["shared_memory_byte_size"].int64_param == 48


def test_regions_are_listed_and_given_back(client: Any, memory: Callable[[int], Any]) -> None:
    _, key = memory(128)
    client.register_system_shared_memory("one", key, 64, offset=32)
    (region,) = client.get_system_shared_memory_status().regions.values()
    assert (region.name, region.key, region.offset, region.byte_size) == ("one", key, 32, 64)
    client.unregister_system_shared_memory("one")
    assert not client.get_system_shared_memory_status().regions
    with pytest.raises(triton.InferenceServerException) as caught:
        client.get_system_shared_memory_status("one")
    assert caught.value.status() == "StatusCode.NOT_FOUND"
    assert caught.value.message() == "Unable to find system shared memory region: 'one'"


def test_memory_that_is_unlinked_stays_readable(client: Any, batch: Columns) -> None:
    raw = wire.raw_of(batch["age"])
    made = system.SharedMemory(create=True, size=len(raw))
    assert made.buf is not None
    made.buf[: len(raw)] = raw
    client.register_system_shared_memory("gone", made.name, len(raw))
    made.close()
    made.unlink()
    inputs = []
    for name, array in batch.items():
        tensor = triton.InferInput(name, array.shape, wire.datatype_of(array).wire)
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    inputs[0].set_shared_memory("gone", len(raw))
    assert client.infer("tiny", inputs).as_numpy("label").shape == (3,)


def test_a_server_without_shared_memory_says_so(models: Path, start: Callable[..., Server]) -> None:
    server = start(models, shared_memory=False)
    with triton.InferenceServerClient(f"localhost:{server.port}") as client:
        assert "system_shared_memory" not in client.get_server_metadata().extensions
        with pytest.raises(triton.InferenceServerException) as caught:
            client.register_system_shared_memory("one", "/one", 8)
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("key", "offset", "size", "kind", "text"),
    [
        ("../memory", 0, 8, RegionError,
         "failed to register shared memory region 'r': invalid args"),
        ("/../memory", 0, 8, RegionError,
         "failed to register shared memory region 'r': invalid args"),
        ("..", 0, 8, RegionError, "failed to register shared memory region 'r': invalid args"),
        ("", 0, 8, RegionError, "failed to register shared memory region 'r': invalid args"),
        ("memory\0x", 0, 8, RegionError,
         "failed to register shared memory region 'r': invalid args"),
        ("none", 0, 8, RegionError, "Unable to open shared memory region: 'r'"),
        ("link", 0, 8, RegionError, "Unable to open shared memory region: 'r'"),
        ("folder", 0, 8, RegionError, "Unable to open shared memory region: 'r'"),
        ("pipe", 0, 8, RegionError, "Unable to open shared memory region: 'r'"),
        ("memory", 60, 8, RegionError,
         "Invalid offset + byte size for shared memory region: 'r'"),
        ("memory", 2**63, 2**63, RegionError,
         "Invalid offset + byte size for shared memory region: 'r'"),
        ("memory", 0, 0, RegionError,
         "Invalid offset + byte size for shared memory region: 'r'"),
        ("/memory", 0, 8, TakenError, "shared memory region 'r' already in manager"),
    ],
    ids=["up", "root up", "dots", "empty", "nul", "absent", "link", "folder", "pipe", "end",
         "overflow", "nothing", "taken"],
)  # fmt: skip
def test_what_is_no_memory_of_its_own_is_not_opened(
    regions: Regions, tmp_path: Path, key: str, offset: int, size: int, kind: type, text: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "memory")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    if kind is TakenError:
        regions.register("r", "memory", 0, 8)
    with pytest.raises(kind) as caught:
        regions.register("r", key, offset, size)
    assert (type(caught.value), str(caught.value)) == (kind, text)


@pytest.mark.parametrize(
    ("place", "kind", "text"),
    [
        (Place("s", 0, 8), UnknownRegionError, "Unable to find shared memory region: 's'"),
        (Place("r", 30, 3), RegionError,
         "Invalid offset + byte size for shared memory region: 'r'"),
    ],
    ids=["unknown", "end"],
)  # fmt: skip
def test_nothing_beyond_a_region_is_read_or_written(
    regions: Regions, place: Place, kind: type, text: str
) -> None:
    regions.register("r", "memory", 8, 32)
    assert regions.read(Place("r", 30, 2)) == bytes([38, 39])
    for act in (lambda: regions.read(place), lambda: regions.write(place, "label", b"x")):
        with pytest.raises(kind) as caught:
            act()
        assert str(caught.value) == text


def test_memory_that_is_cut_short_is_an_error_not_a_crash(regions: Regions, tmp_path: Path) -> None:
    regions.register("r", "memory", 0, SIZE)
    os.truncate(tmp_path / "memory", 4)
    for act in (
        lambda: regions.read(Place("r", 0, 8)),
        lambda: regions.write(Place("r", 0, 8), "label", bytes(8)),
    ):
        with pytest.raises(RegionError, match=r"^Invalid offset \+ byte size"):
            act()
    assert (tmp_path / "memory").stat().st_size == 4


def test_an_output_that_does_not_fit_is_refused(regions: Regions) -> None:
    regions.register("r", "memory", 0, SIZE)
    with pytest.raises(RegionError) as caught:
        regions.write(Place("r", 0, 8), "label", bytes(9))
    assert str(caught.value) == (
        "shared memory size specified with the request for output 'label' (8 bytes) should be at "
        "least 9 bytes to hold the results"
    )


def test_a_request_reads_at_most_what_a_message_may_hold(regions: Regions) -> None:
    regions.register("r", "memory", 0, SIZE)
    with pytest.raises(BusyError):
        regions.read(Place("r", 0, 8), left_bytes=7)


def test_files_are_closed_once_nobody_holds_a_region(regions: Regions) -> None:
    regions.register("r", "memory", 0, SIZE)
    (region,) = regions.status("r")
    handle = region.handle
    regions.unregister("r")
    assert os.fstat(handle).st_size == SIZE
    del region
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
