"""Arithmetic that was written to be read, held against other libraries."""
import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from scipy.stats import binomtest, norm, spearmanr
from torch.utils.flop_counter import FlopCounterMode

from catsdogs.evaluation.metrics import wilson_interval
from catsdogs.interpret.attribution_scores import rank_correlation
from catsdogs.models.summary import layer_table
from catsdogs.models.zoo import build_model
from catsdogs.runs.folder import MahalanobisDetector

@pytest.mark.parametrize("right, n", [(0, 5), (7, 10), (10, 10), (84, 100), (2681, 3192)])
def test_wilson_is_scipys(right, n):
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson_interval(right, n, norm.ppf(.975)) == pytest.approx(tuple(expected), abs=1e-12)
    assert wilson_interval(right, n) == pytest.approx(tuple(expected), abs=1e-4)

def test_rank_correlation_is_scipys():
    a, b = torch.rand(2, 6, 40, generator=torch.Generator().manual_seed(0))
    b = b + torch.linspace(-1, 1, 6)[:, None] * a
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert max(expected) > .5 > -.5 > min(expected)
    assert rank_correlation(a, b).tolist() == pytest.approx(expected, abs=1e-5)

SIZES = {"codelab": 150, "classic": 64, "dense": 32, "petnet": 64, "timm:test_resnet": 64}

@pytest.mark.parametrize("name, size", SIZES.items())
def test_multiplications_are_pytorchs(name, size):
    model = build_model(name, size).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    total = sum(row.multiplications for row in layer_table(model, size))
    # PyTorch counts a multiplication and an addition
    assert 2 * total == counter.get_total_flops() > 0

def test_distance_is_scipys():
    features = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    means = torch.eye(4)[:2]
    precision = torch.tensor([[2., .5, 0, 0], [.5, 1, 0, 0], [0, 0, 3, .1], [0, 0, .1, 1]])
    of_length_one = (features / features.norm(dim=1, keepdim=True)).numpy()
    def nearest(feature): return min(mahalanobis(feature, mean, precision) for mean in means)
    expected = [nearest(feature)**2 for feature in of_length_one]
    found = MahalanobisDetector(means, precision, 1.).distance(features)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
