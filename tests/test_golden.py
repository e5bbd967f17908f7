"""What must never change from one version to the next.

Splits, seeds, drawings, and the answers of the network that ships.
"""
import hashlib
from pathlib import Path

import numpy as np
import pytest

from catsdogs.core import epoch_seed
from catsdogs.data.splits import DataSettings, hash_fraction, split_photos
from catsdogs.drawing.scenes import draw
from catsdogs.drawing.dataset import draw_pet, pet_spec
from catsdogs.data.photos import Photo
from catsdogs.runs.predict import Predictor
from catsdogs.runs.folder import shipped_run

GOLDEN_HASHES = [0.6516188568438607, 0.947676231755172, 0.055654675669066185]
GOLDEN_SEEDS = [3444837047, 3329053876, 955475868]
GOLDEN_SPLITS = {
    # photos to train, photos to validate, digest of the validation positions
    "hash": (4756, 1244, '5b4a53b7c88c'),
    "small": (2000, 1000, 'c50f9b4c224f'),
}
GOLDEN_DRAWING = "cb48375ba78d"
GOLDEN_ANSWERS = [0.00121, 0.00937, 0.08127, 0.29114, 0.38381, 0.99747]      # probability of a dog
GOLDEN_FEATURES = [0.07517, 0.06984, 0.05164, 0.07084, 0.06256, 0.07400]

def digest(a): return hashlib.blake2b(np.ascontiguousarray(a).tobytes(), digest_size=6).hexdigest()

def test_hash_fraction():
    assert [hash_fraction(f"cat.{i}.jpg") for i in range(3)] == GOLDEN_HASHES

def test_epoch_seed():
    assert [epoch_seed(42, epoch) for epoch in range(3)] == GOLDEN_SEEDS

@pytest.mark.parametrize("rule", ["hash", "small"])
def test_split(rule):
    photos = [
        Photo(Path(f"{label}.{i}.jpg"), label=label)
        for label in ("cat", "dog")
        for i in range(3000)]
    train, valid = split_photos(photos, DataSettings(split=rule))
    assert (len(train), len(valid), digest(np.array(sorted(valid)))) == GOLDEN_SPLITS[rule]

def test_drawings():
    picture = draw(pet_spec(7, 3), 64).image
    assert digest(picture) == GOLDEN_DRAWING

def test_answers_of_the_shipped_network():
    predictor = Predictor(shipped_run())
    pixels = np.stack(
        [
            np.asarray(draw_pet(species, i, predictor.size))
            for species in ("cat", "dog")
            for i in range(3)])
    probabilities, features = predictor.look(pixels)
    np.testing.assert_allclose(probabilities[:, 1], GOLDEN_ANSWERS, atol=2e-4)
    np.testing.assert_allclose(features.mean(1), GOLDEN_FEATURES, rtol=1e-3)
