"""Colour statistics and the map between them."""

import numpy as np
import pytest
import scipy.linalg
import torch
import torch._functorch.config as functorch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from medley.transfer.color_transfer import color_statistics, match_colors


def picture(seed: int, spread: float = 0.05, size: tuple[int, int] = (40, 30)) -> torch.Tensor:
    """Correlated colours well inside [0, 1]."""
    values = np.random.default_rng(seed)
    mix = values.uniform(-1, 1, (3, 3)) * spread
    colors = mix @ values.standard_normal((3, size[0] * size[1])) + values.uniform(0.4, 0.6, (3, 1))
    return torch.from_numpy(colors.reshape(1, 3, *size)).float()


def test_statistics_are_those_of_numpy() -> None:
    image = picture(1)
    flat = image.numpy().reshape(3, -1)
    found = color_statistics([image])
    np.testing.assert_allclose(found.mean, flat.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.covariance, np.cov(flat, bias=True), atol=1e-6)


def test_each_picture_counts_the_same_whatever_its_size() -> None:
    small, large = torch.full((1, 3, 2, 2), 0.2), torch.full((1, 3, 20, 20), 0.6)
    found = color_statistics([small, large])
    torch.testing.assert_close(found.mean, torch.full((3,), 0.4))
    torch.testing.assert_close(found.covariance, torch.full((3, 3), 0.04))


def test_matched_colors_have_the_statistics_asked_for() -> None:
    wanted = color_statistics([picture(2)])
    found = color_statistics([match_colors(picture(3), wanted)])
    torch.testing.assert_close(found.mean, wanted.mean, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.covariance, wanted.covariance, atol=2e-4, rtol=0)


def test_map_is_the_optimal_transport_between_gaussians() -> None:
    # The mean squared move of an optimal map is the squared Wasserstein-2 distance.
    image = picture(4, spread=0.02)
    own, wanted = color_statistics([image]), color_statistics([picture(5, spread=0.02)])
    moved = (match_colors(image, wanted) - image).double().pow(2).sum(dim=1).mean()
    a, b = own.covariance.double().numpy(), wanted.covariance.double().numpy()
    root = scipy.linalg.sqrtm(a)
    cross = scipy.linalg.sqrtm(root @ b @ root).real
    distance = float((own.mean - wanted.mean).pow(2).sum()) + np.trace(a + b - 2 * cross)
    assert float(moved) == pytest.approx(distance, rel=0.02)


def test_own_colors_stay_where_they_are() -> None:
    image = picture(6)
    torch.testing.assert_close(match_colors(image, color_statistics([image])), image)


def test_colors_are_matched_where_the_device_has_no_double_precision() -> None:
    class NoDouble(TorchDispatchMode):
        """Refuses doubles on a device, as MPS does; "meta" stands for it."""

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            found = func(*args, **kwargs or {})
            if isinstance(found, torch.Tensor) and found.is_meta:
                assert found.dtype != torch.float64
            return found

    with (
        functorch.patch(fake_tensor_allow_meta=True),
        FakeTensorMode(allow_non_fake_inputs=True),
        NoDouble(),
    ):
        image = picture(8).to("meta")
        assert match_colors(image, color_statistics([image])).device.type == "meta"


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_picture_takes_the_mean_color(value: float) -> None:
    found = match_colors(torch.full((1, 3, 8, 8), value), color_statistics([picture(7)]))
    mean = color_statistics([picture(7)]).mean
    torch.testing.assert_close(found.mean(dim=(0, 2, 3)), mean, atol=1e-3, rtol=0)
    assert torch.isfinite(found).all()


def test_no_pictures_have_no_colors() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        color_statistics([])
