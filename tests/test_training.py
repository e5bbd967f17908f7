"""A training as a whole, from photos to the report."""
from collections import Counter

import catsdogs.data.photos as decoding
from catsdogs.data.photos import list_photos
from catsdogs.drawing.dataset import draw_pets
from catsdogs.training.recipes import Recipe
from catsdogs.training.train import RunSettings, train_run

def test_a_training_decodes_each_photo_once(folder, tmp_path, monkeypatch):
    "Scores, temperature and report come from the cache"
    pets = draw_pets(folder/"decoded-once", n=60, size=32)
    decoded, decode = Counter(), decoding.identify_photo
    def counted(data):
        decoded[data] += 1
        return decode(data)
    monkeypatch.setattr(decoding, "identify_photo", counted)
    run = train_run(pets, tmp_path/"run", RunSettings(Recipe("classic", 32, epochs=1, bs=16)))
    assert (run.path/"report.html").is_file() and run.info.scores.n > 0
    assert decoded.keys() == {photo.read() for photo in list_photos(pets)}
    # fastai opens one more, to see what the loaders give
    assert len(decoded) == 60 and decoded.total() <= 61
