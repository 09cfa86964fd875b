"""What a network has seen is not looked at again, and nothing comes out otherwise for it."""

import pytest
import torch

from medley.settings import ShotSettings
from medley.studio.engines import worker as workers
from medley.studio.engines.jobs import Job, WorkerInfo
from medley.studio.engines.worker import Worker
from medley.transfer.feature_cache import FeatureCache
from medley.transfer.losses import Objective
from medley.transfer.tiling import TiledObjective
from medley.vgg.network import VGG19
from medley.workspace.store import Workspace

from .specs import small_spec


def picture(seed, height=64, width=64):
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


def finder(found):
    """Something to be found, and how often it was looked for."""
    looked = []

    def look():
        looked.append(found)
        return found

    return look, looked


def test_a_picture_is_looked_at_once_however_it_lies_in_memory():
    cache = FeatureCache()
    look, looked = finder({"relu4_2": torch.zeros(3)})
    first = cache.recall(picture(1), ("content",), look)
    again = picture(1).to(memory_format=torch.channels_last)
    assert cache.recall(again, ("content",), look) is first
    assert len(looked) == 1


def test_a_picture_on_a_gpu_is_looked_at_again_and_never_fetched_from_it():
    cache = FeatureCache()
    look, looked = finder(torch.zeros(3))
    for _ in range(2):
        cache.recall(torch.empty(1, 3, 8, 8, device="meta"), ("content",), look)
    assert len(looked) == 2


def test_other_pixels_size_question_or_strictness_are_looked_at_anew():
    cache = FeatureCache()
    look, looked = finder(torch.zeros(3))
    other = picture(1)
    other[0, 0, 0, 0] += 2**-20
    for one in (picture(1), other, picture(1).reshape(1, 3, 32, 128)):
        cache.recall(one, ("content",), look)
    cache.recall(picture(1), ("painting",), look)
    torch.use_deterministic_algorithms(True)
    try:
        cache.recall(picture(1), ("content",), look)
    finally:
        torch.use_deterministic_algorithms(False)
    assert len(looked) == 5


def test_memory_is_bounded_and_what_was_used_longest_ago_goes_first():
    cache = FeatureCache(3 * 100_000)
    counts = {}
    for number in (1, 2, 3, 1, 4, 1, 3, 2):
        look, looked = finder([{"layer": torch.zeros(25_000)}])
        cache.recall(picture(number), (), look)
        counts[number] = counts.get(number, 0) + len(looked)
    assert counts == {1: 1, 2: 2, 3: 1, 4: 1}


def test_what_is_larger_than_all_that_may_be_kept_drives_nothing_out():
    cache = FeatureCache(100_000)
    look, looked = finder(torch.zeros(10))
    cache.recall(picture(1), (), look)
    cache.recall(picture(2), (), lambda: torch.zeros(30_000))
    cache.recall(picture(3, 128, 128), (), lambda: torch.zeros(1))
    cache.recall(picture(1), (), look)
    assert len(looked) == 1


@pytest.mark.parametrize("style", ["gram", "wasserstein"])
@pytest.mark.parametrize("tile", [None, 32])
def test_losses_and_gradients_are_bit_for_bit_those_without(model, style, tile):
    settings = ShotSettings(style_loss=style)
    content, paintings, image = picture(1), [picture(2), picture(3, 48, 80)], picture(4)

    def evaluate(cache):
        args = (model.network, content, paintings, settings)
        objective = TiledObjective(*args, tile, (), cache) if tile else Objective(*args, (), cache)
        losses, gradient = objective.evaluate(image, with_gradient=True)
        return [*losses, gradient]

    cache = FeatureCache()
    anew = evaluate(FeatureCache(0))
    for _ in range(2):
        assert all(map(torch.equal, evaluate(cache), anew))


def test_kinds_of_statistics_and_tiles_are_told_apart(model):
    cache = FeatureCache()
    content, painting, image = picture(1), picture(2), picture(4)
    for style in ("gram", "wasserstein"):
        settings = ShotSettings(style_loss=style)
        for make in (
            lambda s, kept: Objective(model.network, content, [painting], s, (), kept),
            lambda s, kept: TiledObjective(model.network, content, [painting], s, 32, (), kept),
            lambda s, kept: TiledObjective(model.network, content, [painting], s, 16, (), kept),
        ):
            found, anew = (
                make(settings, kept).evaluate(image, False)[0].total
                for kept in (cache, FeatureCache(0))
            )
            assert torch.equal(found, anew)


def test_worker_passes_a_content_once_for_all_its_shots_with_equal_pixels(
    model, tmp_path, monkeypatch
):
    monkeypatch.setattr(workers, "load_model", lambda *_: model)
    walked = []
    walk = VGG19.walk

    def counted(network, image):
        walked.append(tuple(image.shape))
        return walk(network, image)

    def take_all(name):
        walked.clear()
        workspace = Workspace(tmp_path / name)
        worker = Worker(WorkerInfo("cpu.1", "cpu", workspace.root))
        specs = [small_spec(first=number) for number in (2, 3, 4)]
        for spec in specs:
            assert [event.kind for event in worker.take(Job(spec))] == ["started", *["step"] * 5]
        return len(walked), [workspace.shot(spec.key).result().tobytes() for spec in specs]

    monkeypatch.setattr(VGG19, "walk", counted)
    count, pixels = take_all("seen")
    monkeypatch.setattr(workers, "FeatureCache", lambda: model.features)
    count_anew, pixels_anew = take_all("anew")
    assert count_anew - count == 2
    assert pixels == pixels_anew
