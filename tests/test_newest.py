"""The package from end to end on drawings, without nbdev: also run on the users' set and with the newest fastai."""
import csv, importlib, json, os, pkgutil, subprocess, sys
from importlib.resources import files

import catsdogs as package

def test_every_module_imports():
    names = [m.name for m in pkgutil.walk_packages(package.__path__, "catsdogs.")]
    assert {
        "catsdogs.core", "catsdogs.data.photos", "catsdogs.training.learner", "catsdogs.cli",
    } <= set(names)
    for name in names: importlib.import_module(name)

def test_run_folder(drawn):
    rows = list(csv.DictReader(open(drawn/"history.csv")))
    assert [r["epoch"] for r in rows] == ["0", "1"]
    assert list(rows[0]) == [
        "epoch", "train_loss", "valid_loss", "accuracy", "train_seconds", "valid_seconds",
        "images_per_second"]
    info = json.loads((drawn/"run.json").read_text())
    assert (info["state"], info["classes"]) == ("finished", ["cat", "dog"])
    assert {"model.safetensors", "report.html", "split.csv", "figures"} <= {
        f.name for f in drawn.iterdir()}

def test_predict_as_json(drawn, folder, catsdogs):
    done = catsdogs("predict", "--run", drawn, folder/"pets"/"cat", "--json")
    answers = [json.loads(l) for l in done.stdout.splitlines()]
    assert (done.returncode, done.stderr, len(answers)) == (0, "", 100)
    assert all(abs(sum(a["probabilities"].values()) - 1) < 1e-5 for a in answers)

def test_more_than_two_classes(folder, catsdogs):
    from catsdogs.drawing.dataset import draw_pet
    for species in ("cat", "dog"):
        for i in range(40):
            for label, turn in ((species, 0), (f"upside-down {species}", 180)):
                f = folder/"four"/label/f"{i}.png"
                f.parent.mkdir(parents=True, exist_ok=True)
                draw_pet(species, i, 48).rotate(turn).save(f)
    done = catsdogs(
        "train", folder/"four", "--recipe", "one_cycle", "--model", "classic", "--size", "48",
        "--epochs", "2", "--out", folder/"four-run", "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert len(scores["classes"]) == len(scores["confusion"]) == 4

def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "catsdogs", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"catsdogs {package.__version__}\n"), done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "catsdogs", "no-such-command"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("catsdogs: error:")

def test_beside_a_folder_of_the_same_name(tmp_path):
    "From the folder that holds a clone, Python must not take the clone for the package"
    (tmp_path/"catsdogs"/"nbs").mkdir(parents=True)
    code = "from catsdogs.runs.predict import Predictor; print(*Predictor().info.classes)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for arguments, said in ((["-c", code], "cat dog"), (["-m", "catsdogs", "--version"], "catsdogs ")):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith(said), done.stderr

def test_files_that_come_along():
    assert files("catsdogs").joinpath("py.typed").is_file()
    assert files("catsdogs").joinpath("petnet", "model.safetensors").is_file()

def test_fastai_exports_a_learner(tmp_path):
    "Fastai alone: plum-dispatch 2.10 breaks every export, and fastai 2.8.7 does not work with fastcore 2"
    from fastai.vision.all import ImageDataLoaders, load_learner, resnet18, vision_learner
    from catsdogs.drawing.dataset import draw_pets
    pets = draw_pets(tmp_path/"pets", n=40, size=32)
    dls = ImageDataLoaders.from_folder(pets, valid_pct=.2, bs=8, num_workers=0)
    learn = vision_learner(dls, resnet18, pretrained=False, path=tmp_path)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    learn.export("learner.pkl")
    photo = next((pets/"cat").glob("*.*"))
    with learn.no_bar():
        expected = learn.predict(photo)
    again = load_learner(tmp_path/"learner.pkl")
    with again.no_bar():
        answer = again.predict(photo)
    assert answer[0] == expected[0]
    assert answer[2].tolist() == expected[2].tolist()
