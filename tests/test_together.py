"""Runs that are judged in one pass come to what each comes to alone."""

import os
import signal
import threading
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from medley.errors import DivergedError, MedleyError
from medley.images import decode, to_tensor
from medley.paintings import Painting
from medley.settings import ShotSettings
from medley.studio.shooting.batched import take_batched
from medley.studio.shooting.checkpoint import saved_step
from medley.studio.shooting.passes import FULL_PIXELS, fitting_at_once
from medley.studio.shooting.scene import set_scene, shot_key
from medley.studio.shooting.takes import Take, take_shots
from medley.transfer import together
from medley.transfer.losses import Losses, Objective
from medley.transfer.together import Seat, Table, judge_together
from medley.workspace import Workspace

from .conftest import draw_pixels

SETTINGS = ShotSettings(steps=4, scales="1", tv_weight=2.0)


def objectives(network, count, height=40, width=48):
    content = to_tensor(draw_pixels(height, width, 0))
    paintings = [to_tensor(draw_pixels(36, 52, seed)) for seed in range(1, count + 1)]
    return [Objective(network, content, [painting], SETTINGS) for painting in paintings]


@pytest.mark.parametrize("with_gradient", [True, False])
def test_pictures_judged_together_get_the_losses_and_gradients_they_get_alone(
    camera, with_gradient
):
    judges = objectives(camera.exact, 3)
    images = [to_tensor(draw_pixels(40, 48, seed)) for seed in (7, 8, 9)]
    answers = judge_together(judges, images, with_gradient)
    for judge, image, (losses, gradient) in zip(judges, images, answers, strict=True):
        alone, expected = judge.evaluate(image, with_gradient)
        torch.testing.assert_close(torch.stack(losses), torch.stack(alone), rtol=1e-5, atol=1e-3)
        assert (gradient is None) == (not with_gradient)
        if with_gradient:
            assert torch.linalg.norm(gradient - expected) < 1e-4 * torch.linalg.norm(expected)


def test_objectives_of_different_networks_do_not_judge_together(camera):
    other = type(camera.exact)(camera.exact.weights(), ("relu4_2", "relu5_1"))
    one, two = objectives(camera.exact, 2)
    two.network = other
    with pytest.raises(ValueError, match="objectives of one network"):
        judge_together([one, two], [torch.zeros(1, 3, 40, 48)] * 2, with_gradient=False)


def at_table(asks):
    """Run functions in threads at one table; each gets it, and leaves at its end."""
    table, results = Table(), [None] * len(asks)

    def sit(number):
        try:
            results[number] = asks[number](table)
        except RuntimeError as error:
            results[number] = error
        finally:
            table.leave()

    threads = [threading.Thread(target=sit, args=(number,)) for number in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    return results


def test_runs_of_different_lengths_and_sizes_all_come_to_their_end(camera, monkeypatch):
    passes = []
    judge = judge_together
    monkeypatch.setattr(
        together, "judge_together", lambda *args: passes.append(len(args[0])) or judge(*args)
    )
    gate = threading.Barrier(3)

    def ask(objective, times, size):
        def run(table):
            table.sit()
            gate.wait(10)
            seat = Seat(objective, table)
            images = [to_tensor(draw_pixels(*size, seed)) for seed in range(times)]
            return [seat.evaluate(image, True)[0].total.item() for image in images]

        return run

    small, large = objectives(camera.exact, 2), objectives(camera.exact, 1, 48, 56)
    lengths = (2, 6, 4)
    sizes = ((40, 48), (40, 48), (48, 56))
    judges = [*small, *large]
    found = at_table([ask(*one) for one in zip(judges, lengths, sizes, strict=True)])
    for judge_, length, size, losses in zip(judges, lengths, sizes, found, strict=True):
        alone = [
            judge_.evaluate(to_tensor(draw_pixels(*size, seed)), False)[0].total.item()
            for seed in range(length)
        ]
        assert losses == pytest.approx(alone, rel=1e-5)
    assert sum(passes) == sum(lengths)
    assert max(passes) == 2  # the third has another size


def test_every_run_hears_of_an_error_in_their_common_pass(monkeypatch, camera):
    def fail(*_):
        raise RuntimeError("the pass failed")

    monkeypatch.setattr(together, "judge_together", fail)
    judges = objectives(camera.exact, 2)
    image = torch.zeros(1, 3, 40, 48)
    found = at_table([lambda table, one=one: table.ask(one, image, False) for one in judges])
    assert [str(error) for error in found] == ["the pass failed"] * 2


def test_pass_too_large_for_the_memory_is_taken_one_by_one(monkeypatch):
    tried = []

    def judge(objectives, images, _):
        tried.append(len(images))
        if len(images) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return [(Losses(*[images[0].sum()] * 4), None) for _ in objectives]

    monkeypatch.setattr(together, "judge_together", judge)

    class Judge:
        network = None

    gate = threading.Barrier(2)

    def ask(number):
        def run(table):
            gate.wait(10)
            image = torch.full((1, 3, 16, 16), float(number))
            answers = []
            for _ in range(50):
                answers.append(table.ask(Judge(), image, False))
                time.sleep(0.005)  # as an optimizer takes for its step
            return answers

        return run

    found = at_table([ask(1), ask(2)])
    for number, answers in enumerate(found, start=1):
        assert {losses.total.item() for losses, _ in answers} == {768 * number}
    at = tried.index(2)
    assert tried[at : at + 3] == [2, 1, 1]


@pytest.fixture
def takes_in(camera, tmp_path):
    def make(folder, settings=SETTINGS, seeds=(1, 2, 3)):
        workspace = Workspace(tmp_path / folder)
        content = draw_pixels(40, 48, 0)
        takes = []
        for seed in seeds:
            painting = Painting(tmp_path / f"painting_{seed}.png", draw_pixels(40, 48, seed))
            scene = set_scene(content, [painting], settings, 0)
            shot = workspace.shot(shot_key(scene, camera.weights.digest, camera.precision))
            takes.append(Take(tmp_path / "photo.png", painting, painting.title, scene, shot))
        return takes, workspace

    return make


def test_batched_shots_are_those_taken_one_by_one(camera, takes_in):
    alone = replace(camera, network=camera.exact, precision="float32")
    takes, workspace = takes_in("alone")
    take_shots(takes, lambda _: alone, workspace, "painting", lambda _: None, pytest.fail)
    expected = {take.title: take for take in takes}
    takes, workspace = takes_in("batched")
    seen = []
    take_batched(takes, alone, workspace, "painting", seen.append, pytest.fail, at_once=2)
    for take in takes:
        assert take.shot.is_finished
        assert take.shot.steps() == [0, 1, 2, 3, 4]
        other = expected[take.title].shot
        assert take.shot.done()["loss"] == pytest.approx(other.done()["loss"], rel=1e-3)
        apart = np.abs(decode(take.shot.step_path(4)) - decode(other.step_path(4)).astype(float))
        assert apart.mean() < 0.5
    assert {one.number for one in seen} == {1, 2, 3}
    assert max(one.at_once for one in seen) == 2
    assert seen[-1].steps_left == 0


def test_failing_shot_stops_the_others_at_a_checkpoint(camera, takes_in, monkeypatch):
    takes, workspace = takes_in("failing", ShotSettings(steps=200, scales="1"))
    evaluate, asked = Seat.evaluate, Counter()

    def diverge(self, image, with_gradient):
        losses, gradient = evaluate(self, image, with_gradient)
        asked[id(self)] += 1
        # One of them, when all have come some way.
        if min(asked.values()) > 4 and len(asked) == 3 and id(self) == min(asked):
            losses = Losses(*[term * float("nan") for term in losses])
        return losses, gradient

    monkeypatch.setattr(Seat, "evaluate", diverge)
    with pytest.raises(MedleyError, match="painting_") as caught:
        take_batched(takes, camera, workspace, "painting", lambda _: None, lambda _: None, 3)
    assert isinstance(caught.value, DivergedError)
    assert not any(take.shot.is_finished for take in takes)
    assert sum(saved_step(take.shot.state_path) > 0 for take in takes) >= 2


def test_interrupted_batch_leaves_checkpoints(camera, takes_in):
    takes, workspace = takes_in("interrupted", ShotSettings(steps=500, scales="1"))

    seen, sent = {}, []

    def watch(now):
        seen[now.number] = now.step
        if len(seen) == 3 and min(seen.values()) >= 2 and not sent:
            sent.append(os.kill(os.getpid(), signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        take_batched(takes, camera, workspace, "painting", watch, pytest.fail, 3)
    assert all(saved_step(take.shot.state_path) > 0 for take in takes)
    assert max(seen.values()) < 500


@pytest.mark.parametrize(("side", "count"), [(512, 1), (1024, 1), (256, 4), (64, 16)])
def test_shots_at_once_fill_a_pass_and_no_more(side, count):
    assert fitting_at_once(side, side) == count
    assert count == 1 or count * side * side <= FULL_PIXELS
