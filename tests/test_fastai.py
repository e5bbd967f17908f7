"""A fastai user's habits: any loaders, any fit, finder, tta, export, interpretation, cleaner, fastai's callbacks."""
import io, json, pickle, shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from fastai.callback.hook import ActivationStats
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.progress import CSVLogger
from fastai.callback.tracker import SaveModelCallback
from fastai.callback.training import GradientAccumulation
from fastai.data.block import DataBlock, RegressionBlock
from fastai.data.transforms import get_image_files
from fastai.interpret import ClassificationInterpretation
from fastai.learner import Learner, load_learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy, error_rate
from fastai.optimizer import SGD
from fastai.vision.augment import Resize
from fastai.vision.data import ImageBlock, ImageDataLoaders
from torch import nn

from catsdogs.core import CatsDogsError
from catsdogs.data.augment import Augment, augmentations, Policy
from catsdogs.data.dataloaders import photo_block, photo_dataloaders
from catsdogs.data.photos import list_photos
from catsdogs.data.splits import DataSettings
from catsdogs.drawing.dataset import draw_pets
from catsdogs.runs.folder import Run, RunInfo
from catsdogs.training.learner import OneLogitLoss, photo_learner
from catsdogs.training.recipes import find_recipe, Recipe
from catsdogs.training.train import fit_recipe, RunSettings, train_run

SIZE = 32
PLUM = tuple(int(n) for n in version("plum-dispatch").split(".")[:2])

@pytest.fixture(scope="module")
def pets(folder):
    "A folder for each class, and nothing else: fastai would take the masks for a third class"
    pets = draw_pets(folder/"fastai-pets", n=80, size=SIZE)
    shutil.rmtree(pets/"masks")
    return pets

@pytest.fixture(scope="module")
def dls(pets): return photo_dataloaders(pets, DataSettings(SIZE), bs=16)

@pytest.fixture
def learn(dls, tmp_path):
    learn = photo_learner(dls, "classic", "one_cycle", seed=1, path=tmp_path)
    with learn.no_bar(), learn.no_logging(): yield learn

def own_network(n_out):
    "A user's own network"
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, n_out))

def saved(img, format, **kwargs):
    buffer = io.BytesIO()
    img.save(buffer, format, **kwargs)
    return buffer.getvalue()

# Any loaders

def from_folder(pets, size):
    return ImageDataLoaders.from_folder(
        pets, valid_pct=0.25, seed=1, item_tfms=Resize(size), bs=16, num_workers=0)

LOADERS = {
    "ImageDataLoaders": lambda pets: from_folder(pets, SIZE),
    "photo_block": lambda pets: photo_block(DataSettings(SIZE)).dataloaders(
        pets, bs=16, num_workers=0),
    "photo_dataloaders": lambda pets: photo_dataloaders(pets, DataSettings(SIZE), bs=16)}

@pytest.mark.parametrize("kind", LOADERS)
def test_any_loaders(pets, kind):
    dls = LOADERS[kind](pets)
    learn = photo_learner(dls, "classic", find_recipe("classic", augment="light", mixup=.2), seed=1)
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    assert (learn.recipe.size, learn.recipe.bs) == (SIZE, 16)
    assert [type(cb) for cb in learn.cbs if isinstance(cb, MixUp)] == [MixUp]
    assert [
        t.policy.brightness for t in learn.dls.train.after_batch.fs if isinstance(t, Augment)
    ] == [0.1]
    # the user's own loaders are left alone
    assert not [t for t in dls.train.after_batch.fs if isinstance(t, Augment)]
    assert len(learn.recorder.values) == 1 and np.isfinite(learn.recorder.values[0]).all()

def test_the_network_is_made_for_the_pictures(pets):
    dls = LOADERS["ImageDataLoaders"](pets)
    assert (
        sum(p.numel() for p in photo_learner(dls, "dense").model.parameters())
        == 3 * SIZE**2 * 512 + 512 + 512 + 1)
    # no model is named: the recipe's
    assert photo_learner(dls, recipe="petnet").recipe.model == "petnet"

def test_looking_at_the_loaders_spends_no_random_number(pets):
    dls = LOADERS["ImageDataLoaders"](pets)
    net = own_network(2)
    torch.manual_seed(3)
    photo_learner(dls, net, "one_cycle")
    after = torch.rand(3)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(3))

def test_unfit_loaders_are_refused(pets):
    with pytest.raises(CatsDogsError, match="not square"):
        photo_learner(from_folder(pets, (32, 48)), "classic")
    block = DataBlock(
        (ImageBlock, RegressionBlock), get_items=get_image_files, get_y=lambda p: 1.0,
        item_tfms=Resize(SIZE))
    numbers = block.dataloaders(pets, bs=16, num_workers=0)
    with pytest.raises(CatsDogsError, match="one class for each picture"):
        photo_learner(numbers, "classic")

# The recipe, whole or refused

def test_a_policy_of_ones_own(pets, tmp_path):
    mine = Recipe("classic", SIZE, epochs=1, bs=16, augment=Policy(flip=.5, rotate=30))
    run = train_run(pets, tmp_path/"run", RunSettings(mine))
    recorded = json.loads((run.path/"run.json").read_text())["recipe"]
    assert recorded["augment"]["rotate"] == 30 and Recipe(**recorded) == mine

def test_two_augmentations_are_refused(pets):
    dls = photo_dataloaders(pets, DataSettings(SIZE), bs=16, batch_tfms=augmentations("strong"))
    with pytest.raises(CatsDogsError, match="leave out one of the two"):
        photo_learner(dls, "classic", "classic")
    same = photo_learner(dls, "classic", find_recipe("classic", augment="strong"))
    assert len([t for t in same.dls.train.after_batch.fs if isinstance(t, Augment)]) == 1
    assert isinstance(photo_learner(dls, "classic", "one_cycle", cbs=CutMix()).cut_mix, CutMix)

def test_what_a_network_of_ones_own_cannot_do_is_refused(dls):
    with pytest.raises(CatsDogsError, match="pretrained weights is for models named timm:NAME"):
        photo_learner(dls, own_network(1), "transfer")
    with pytest.raises(CatsDogsError, match="dropout acts before"):
        photo_learner(dls, nn.Flatten(), Recipe(dropout=.5), loss_func=OneLogitLoss())

def test_a_recipe_stays_what_it_is(dls):
    "No pretrained weights come in by the back door"
    learn = photo_learner(dls, None, Recipe("timm:test_resnet", SIZE, augment="light"))
    assert (learn.recipe.weights, learn.recipe.freeze_epochs, learn.recipe.epochs) == (None, 0, 15)
    assert photo_learner(dls, "classic", Recipe(epochs=3, wd=0.5)).recipe == Recipe(
        "classic", SIZE, 3, 16, wd=0.5)

# The user's own network and settings

@pytest.mark.parametrize("n_out, loss", [(1, OneLogitLoss), (2, CrossEntropyLossFlat)])
def test_the_loss_fits_the_network(dls, n_out, loss):
    learn = photo_learner(dls, own_network(n_out), "one_cycle", seed=1)
    assert type(learn.loss_func) is loss
    with learn.no_bar(), learn.no_logging(): learn.fit(1)
    assert 0 <= learn.recorder.values[0][2] <= 1

def test_networks_that_do_not_fit(dls):
    with pytest.raises(CatsDogsError, match="answers 5 numbers .* 2 classes: give it 2 outputs"):
        photo_learner(dls, own_network(5))
    with pytest.raises(CatsDogsError, match="does not take pictures of 3×32×32"):
        photo_learner(dls, nn.Linear(5, 2))
    with pytest.raises(CatsDogsError, match="must answer n×"):
        photo_learner(dls, nn.Conv2d(3, 2, 3))

def test_the_users_settings_win(dls):
    mine = nn.CrossEntropyLoss()
    own = dict(loss_func=mine, metrics=[accuracy, error_rate], opt_func=SGD, lr=.5, wd=.25)
    learn = photo_learner(dls, own_network(2), "one_cycle", **own)
    assert (learn.loss_func, learn.opt_func, learn.lr, learn.wd) == (mine, SGD, .5, .25)
    assert [m.name for m in learn.metrics] == ["accuracy", "error_rate"]
    assert (learn.recipe.lr, learn.recipe.wd) == (.5, .25)      # `fit_recipe` uses them too
    with pytest.raises(CatsDogsError, match="lr must be a number"):
        photo_learner(dls, "classic", lr="fast")

# Fits and what comes with them

def test_fits(learn):
    learn.fit(1)
    learn.fit_one_cycle(1, 1e-3)
    learn.fine_tune(1)
    assert learn.recorder.metric_names == ["epoch", "train_loss", "valid_loss", "accuracy", "time"]
    assert 0 < learn.lr_find(num_it=12, show_plot=False).valley < 10

def test_fine_tune_of_a_pretrained_network(pets, folder):
    from safetensors.torch import save_file
    import timm
    save_file(
        timm.create_model("test_resnet", num_classes=10).state_dict(), folder/"tiny.safetensors")
    recipe = find_recipe(
        "transfer", model="timm:test_resnet", weights=folder/"tiny.safetensors", size=SIZE,
        epochs=2)
    learn = photo_learner(photo_dataloaders(pets, DataSettings(SIZE), bs=16), None, recipe, seed=1)
    moved = lambda old: not torch.equal(old, next(learn.model[-1].parameters()))
    first = next(learn.model[-1].parameters()).detach().clone()
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
        # frozen, as fastai's `vision_learner` leaves it
        assert not moved(first)
        learn.fine_tune(1)
        assert moved(first)
        again = photo_learner(learn.dls, None, recipe, seed=1)
        with again.no_bar(), again.no_logging(): fit_recipe(again)
    assert not torch.equal(next(again.model[-1].parameters()), first)

def test_tta_and_interpretation(pets):
    learn = photo_learner(
        photo_dataloaders(pets, DataSettings(SIZE), bs=16), "classic", "classic", seed=1)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
        plain, targets = learn.get_preds()
        turned, _ = learn.tta(n=2)
        interpretation = ClassificationInterpretation.from_learner(learn)
        assert turned.shape == plain.shape == (len(targets), 2)
        # the recipe's augmentation takes part
        assert not torch.allclose(turned, plain, atol=1e-4)
        assert interpretation.confusion_matrix().sum() == len(targets)
        assert len(interpretation.top_losses(3)[0]) == 3

def test_callbacks(dls, tmp_path):
    best = SaveModelCallback(monitor="accuracy", fname="best")
    others = GradientAccumulation(32), MixUp(0.4), ActivationStats(with_hist=True)
    cbs = [CSVLogger("log.csv"), best, *others]
    learn = photo_learner(dls, "classic", "one_cycle", seed=1, path=tmp_path, cbs=cbs)
    with learn.no_bar(), learn.no_logging(): learn.fit(2)
    log = (tmp_path/"log.csv").read_text().splitlines()
    assert log[0] == "epoch,train_loss,valid_loss,accuracy,time"
    assert (tmp_path/"models"/"best.pth").exists()
    assert len(learn.activation_stats.stats) > 0

# Export

def exportable(learn, tmp_path):
    "Export, or check that the refusal is plain and breaks nothing"
    before = learn.validate()
    if PLUM < (2, 10):
        learn.export("net.pkl")
        return True
    with pytest.raises(CatsDogsError, match="learn.save.*plum-dispatch below 2.10"):
        learn.export("net.pkl")
    assert not list(tmp_path.glob("*.pkl*")) and not list(tmp_path.glob(".*.tmp"))
    assert learn.validate() == before and learn.opt is not None
    return False

@pytest.mark.parametrize("kind", LOADERS)
def test_export(pets, tmp_path, kind):
    learn = photo_learner(LOADERS[kind](pets), "classic", "one_cycle", seed=1, path=tmp_path)
    photo = pets/"dog"/"dog.3.jpg"
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
        if not exportable(learn, tmp_path): return
        before = learn.predict(photo)[2]
        loaded = load_learner(tmp_path/"net.pkl")
        with loaded.no_bar(): after = loaded.predict(photo)[2]
        learn.fit(1)                                    # the exported learner goes on
    torch.testing.assert_close(before, after, atol=.02, rtol=0)     # bfloat16 here, float32 there
    assert (tmp_path/"net.pkl").stat().st_size < 4e6    # no photos in it

def test_a_failed_export_breaks_nothing(learn, tmp_path):
    learn.fit(1)
    learn.nasty = io.TextIOWrapper(io.BytesIO())        # nothing can pickle that
    before = learn.validate()
    with pytest.raises(CatsDogsError, match="cannot be exported .*learn.save"): learn.export()
    assert learn.validate() == before and None not in before
    learn.fit(1)
    assert np.isfinite(learn.recorder.values[0]).all() and not list(tmp_path.glob("*.pkl"))

def test_what_a_failed_export_advises_can_be_done(learn, pets, tmp_path):
    learn.fit(1)
    learn.nasty = io.TextIOWrapper(io.BytesIO())
    with pytest.raises(CatsDogsError, match="by Run.create and Run.save .catsdogs.runs.folder"):
        learn.export()
    run = Run.create(tmp_path/"run", RunInfo(learn.recipe.model, list(learn.dls.vocab), SIZE))
    run.save(learn.model)
    photo = pets/"dog"/"dog.3.jpg"
    answer = Run.open(tmp_path/"run").predictor()(photo)
    torch.testing.assert_close(
        torch.tensor(list(answer.probabilities.values())), learn.predict(photo)[2],
        atol=.02, rtol=0)                               # float32 here, bfloat16 there

def test_a_cache_can_be_copied(dls):
    import copy
    for twin in (copy.deepcopy(dls.cache), pickle.loads(pickle.dumps(dls.cache))):
        assert np.array_equal(twin.pixels, dls.cache.pixels) and twin.rows == dls.cache.rows
    gone = pickle.dumps(dls.cache).replace(b".u8", b".u9")
    with pytest.raises(CatsDogsError, match="this photo cache is gone"): pickle.loads(gone)

# Answers

def odd_files(pet):
    "Pictures whose pixels are not what they look like: turned by EXIF, transparent, of 16 bits"
    exif = Image.Exif()
    exif[0x0112] = 6
    see_through = pet.convert("RGBA")
    see_through.putalpha(
        Image.fromarray(np.tile(np.linspace(0, 255, SIZE).astype(np.uint8), (SIZE, 1))))
    grey = Image.fromarray(np.asarray(pet.convert("L")).astype(np.uint16) * 257)
    return {"sideways.jpg": saved(pet, "JPEG", exif=exif),
            "transparent.png": saved(see_through, "PNG"),
            "grey16.png": saved(grey, "PNG")}

def test_predict_takes_what_fastai_users_have(learn, pets, tmp_path):
    learn.fit(1)
    picture, data = Image.open(pets/"dog"/"dog.3.jpg"), (pets/"dog"/"dog.3.jpg").read_bytes()
    array = np.asarray(picture)
    path, tensor = pets/"dog"/"dog.3.jpg", torch.tensor(array)
    tensors = tensor, tensor.permute(2, 0, 1), tensor / 255
    files = bytearray(data), memoryview(data), io.BytesIO(data)
    inputs = [str(path), list_photos(path)[0], picture, array, *tensors, *files]
    expected = learn.predict(path)[2]
    for o in inputs: torch.testing.assert_close(learn.predict(o)[2], expected)
    with pytest.raises(CatsDogsError, match="an array or a tensor of h×w×3"):
        learn.predict(torch.zeros(2, 3, 8, 8))
    with pytest.raises(CatsDogsError, match="not a NoneType"): learn.predict(None)

@pytest.mark.parametrize("name", ["sideways.jpg", "transparent.png", "grey16.png"])
def test_an_opened_picture_gets_its_files_answer(learn, pets, tmp_path, name):
    (tmp_path/name).write_bytes(odd_files(Image.open(pets/"cat"/"cat.2.jpg"))[name])
    naive = learn.predict(np.asarray(Image.open(tmp_path/name).convert("RGB")))[2]
    expected = learn.predict(tmp_path/name)[2]
    torch.testing.assert_close(learn.predict(Image.open(tmp_path/name))[2], expected)
    # what the picture is without its note, its alpha, its bits
    assert not torch.allclose(naive, expected, atol=1e-4)

# The cleaner

def test_cleaner(pets, folder, monkeypatch):
    widgets = pytest.importorskip("fastai.vision.widgets")
    pytest.importorskip("ipywidgets")
    display = pytest.importorskip("IPython.display").display
    monkeypatch.setattr(widgets, "display", display, raising=False)     # a notebook has it
    copy = shutil.copytree(pets, folder/"to-clean")
    learn = photo_learner(
        photo_dataloaders(copy, DataSettings(SIZE), bs=16), "classic", "one_cycle")
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
        cleaner = widgets.ImageClassifierCleaner(learn)
    clean(cleaner.fns)

def clean(photos):
    "fastai's loops: `unlink` one, move another"
    first, second = photos[0], photos[1]
    first.unlink()
    other = {"cat": "dog", "dog": "cat"}[second.label]
    shutil.move(str(second), second.path.parent.parent/other/f"moved-{second.name}")
    assert not first.path.exists() and not second.path.exists()

def test_photos_as_paths(pets, folder):
    photos = list_photos(Path(shutil.copytree(pets, folder/"paths")))
    assert Path(photos[0]) == photos[0].path and open(photos[0], "rb").read() == photos[0].read()
    clean(photos)
    packed = list_photos(Path(shutil.make_archive(folder/"packed", "zip", pets)))[0]
    with pytest.raises(CatsDogsError, match="lies inside a zip"): packed.unlink()
    with pytest.raises(CatsDogsError, match="lies inside a zip"): Path(packed)

def test_it_is_a_fastai_learner(learn): assert isinstance(learn, Learner)
