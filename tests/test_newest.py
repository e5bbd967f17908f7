"""The exported package from end to end on drawings, without nbdev: also run with the newest fastai."""
import csv, importlib, json, pkgutil

import catsdogs as package

def test_every_module_imports():
    names = [m.name for m in pkgutil.walk_packages(package.__path__, "catsdogs.")]
    assert {"catsdogs.core", "catsdogs.data.photos", "catsdogs.training.learner", "catsdogs.cli"} <= set(names)
    for name in names: importlib.import_module(name)

def test_run_folder(drawn):
    rows = list(csv.DictReader(open(drawn/"history.csv")))
    assert [r["epoch"] for r in rows] == ["0", "1"]
    assert list(rows[0]) == ["epoch", "train_loss", "valid_loss", "accuracy", "train_seconds", "valid_seconds", "images_per_second"]
    info = json.loads((drawn/"run.json").read_text())
    assert (info["state"], info["classes"]) == ("finished", ["cat", "dog"])
    assert {"model.safetensors", "report.html", "split.csv", "figures"} <= {f.name for f in drawn.iterdir()}

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
                f = folder/"four"/label/f"{i}.png"; f.parent.mkdir(parents=True, exist_ok=True); draw_pet(species, i, 48).rotate(turn).save(f)
    done = catsdogs("train", folder/"four", "--recipe", "one_cycle", "--model", "classic", "--size", "48", "--epochs", "2", "--out", folder/"four-run", "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert len(scores["classes"]) == len(scores["confusion"]) == 4
