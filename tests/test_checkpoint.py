import hashlib

import pytest
import safetensors.torch
import torch

from medley.errors import CheckpointError, OutputError
from medley.files import write_bytes
from medley.studio.shooting.checkpoint import Checkpointer, pack, unpack
from medley.transfer.optimize import RunState
from medley.workspace.shot import Shot

CPU = torch.device("cpu")
STAMP = {"version": 1, "recipe": 1, "key": "abc"}


def state(step=7):
    generator = torch.Generator().manual_seed(step)
    image = torch.rand(1, 3, 6, 5, generator=generator)
    tensors = {
        "mover.half": image.to(torch.bfloat16),
        "image": image,
        "before": image,
        "mover.count": torch.tensor(3),
        "mover.turned": image.permute(0, 1, 3, 2),
    }
    return RunState(step, 12.5, tensors)


def saved_step(path):
    return Shot("abc", path.parent).saved_step


def save(path, what=None, stamp=STAMP):
    path.write_bytes(b"".join(pack(what or state(), stamp)))
    return path


def test_state_reads_back_bit_for_bit(tmp_path):
    path = save(tmp_path / "state.safetensors")
    there, back = state(), unpack(path, STAMP, CPU, RunState)
    assert (back.step, back.seconds) == (7, 12.5)
    assert back.tensors.keys() == there.tensors.keys()
    for name, tensor in there.tensors.items():
        assert torch.equal(back.tensors[name], tensor)
        assert back.tensors[name].dtype == tensor.dtype
    assert saved_step(path) == 7


def test_state_no_longer_needs_the_file(tmp_path):
    path = save(tmp_path / "state.safetensors")
    back = unpack(path, STAMP, CPU, RunState)
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(back.tensors["image"], state().tensors["image"])


def test_file_is_what_the_safetensors_library_reads(tmp_path):
    tensors = safetensors.torch.load_file(save(tmp_path / "state.safetensors"))
    assert torch.equal(tensors["mover.half"], state().tensors["mover.half"])
    assert tensors["sha256"].shape == (32,)


def test_file_torn_anywhere_is_refused(tmp_path):
    path = save(tmp_path / "state.safetensors")
    whole = path.read_bytes()
    for length in [0, 1, 8, 31, 32, 33, 200, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"state\.safetensors' is torn or was changed"):
            unpack(path, STAMP, CPU, RunState)
    path.write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError, match="torn or was changed"):
        unpack(path, STAMP, CPU, RunState)


def test_one_flipped_bit_anywhere_is_found(tmp_path):
    path = save(tmp_path / "state.safetensors")
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(CheckpointError, match="torn or was changed"):
            unpack(path, STAMP, CPU, RunState)
        assert saved_step(path) >= 0  # whatever it says, it does not fail


@pytest.mark.parametrize("change", [{"version": 2}, {"recipe": 0}, {"key": "abd"}])
def test_checkpoint_of_something_else_is_refused(tmp_path, change):
    path = save(tmp_path / "state.safetensors", stamp=STAMP | change)
    with pytest.raises(CheckpointError, match="of another version or of another shot"):
        unpack(path, STAMP, CPU, RunState)


def test_other_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    content = safetensors.torch.save({"image": torch.zeros(2)})
    path.write_bytes(content + hashlib.sha256(content).digest())
    with pytest.raises(CheckpointError, match="no checkpoint of medley's"):
        unpack(path, STAMP, CPU, RunState)
    assert saved_step(path) == 0


def test_absent_checkpoint_has_no_step(tmp_path):
    assert saved_step(tmp_path / "state.safetensors") == 0
    with pytest.raises(CheckpointError, match=r"cannot be read \(No such file"):
        unpack(tmp_path / "state.safetensors", STAMP, CPU, RunState)


class Slow:
    """A recorder whose writes take time on a clock of its own."""

    def __init__(self, path, write_s=0.5):
        self.path, self.write_s, self.now, self.written = path, write_s, 100.0, []

    def checkpoint(self, state):
        self.now += self.write_s
        write_bytes(self.path, b"".join(state))
        self.written.append((self.now, saved_step(self.path)))


def run(recorder, steps, step_s=1.0, error=None):
    with Checkpointer(recorder.checkpoint, STAMP, clock=lambda: recorder.now) as checkpointer:
        for step in range(1, steps + 1):
            recorder.now += step_s
            checkpointer.reach(state(step))
        if error:
            raise error


def test_checkpoint_is_written_every_thirty_seconds(tmp_path):
    recorder = Slow(tmp_path / "state.safetensors")
    run(recorder, 100)
    assert [step for _, step in recorder.written] == [30, 60, 90]


def test_costly_checkpoints_are_rarer(tmp_path):
    recorder = Slow(tmp_path / "state.safetensors", write_s=4)
    run(recorder, 200)
    assert [step for _, step in recorder.written] == [30, 110, 190]


def test_interrupted_shot_writes_down_its_last_state(tmp_path):
    recorder = Slow(tmp_path / "state.safetensors")
    with pytest.raises(KeyboardInterrupt):
        run(recorder, 45, error=KeyboardInterrupt())
    assert [step for _, step in recorder.written] == [30, 45]


def test_interrupted_shot_does_not_write_the_same_state_twice(tmp_path):
    recorder = Slow(tmp_path / "state.safetensors")
    with pytest.raises(KeyboardInterrupt):
        run(recorder, 30, error=KeyboardInterrupt())
    assert [step for _, step in recorder.written] == [30]


def test_error_on_its_way_is_not_hidden_by_a_full_disk(tmp_path):
    recorder = Slow(tmp_path / "absent" / "\0")
    recorder.checkpoint = lambda _: (_ for _ in ()).throw(OutputError("disk full"))
    with pytest.raises(KeyboardInterrupt):
        run(recorder, 5, error=KeyboardInterrupt())
