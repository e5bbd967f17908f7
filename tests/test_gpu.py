"""What only a machine with a GPU can test; the others say that they skipped it."""
import numpy as np
import pytest
import torch
from fastai.torch_core import TensorImage

from catsdogs.core import seed_everything
from catsdogs.data.augment import augmentations
from catsdogs.drawing.dataset import draw_pet
from catsdogs.models.hooks import as_batch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

def augmented(x):
    "Drawings under the strong policy, always from the same seed"
    seed_everything(0)
    for transform in augmentations("strong"): x = transform(x, split_idx=0)
    return x

def test_augmentation_is_the_same_on_a_gpu():
    pets = as_batch(np.stack([np.asarray(draw_pet("dog", i, 96)) for i in range(4)]))
    here = augmented(TensorImage(pets)).as_subclass(torch.Tensor)
    there = augmented(TensorImage(pets).cuda()).cpu().as_subclass(torch.Tensor)
    torch.testing.assert_close(there, here, atol=1e-3, rtol=0)
    assert (here - pets).abs().max() > .1       # it does change the pictures
