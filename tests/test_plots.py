"""Every plot of the library draws on the axes that it is given or finds its own, and shows its numbers."""
import ast
import math
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from catsdogs.data.photos import Photo
from catsdogs.drawing.dataset import draw_pet, pet_spec
from catsdogs.evaluation.calibration import plot_calibration
from catsdogs.evaluation.metrics import score
from catsdogs.evaluation.report import plot_confusion, plot_history
from catsdogs.interpret.activation_stats import (
    activation_stats, ActivationLog, plot_activation_stats, plot_unit_activity)
from catsdogs.interpret.annotations import draw_annotated
from catsdogs.interpret.attribution import plot_attribution
from catsdogs.interpret.attribution_scores import MapScore, PANELS, plot_scores
from catsdogs.interpret.dissection import (
    BestMeasure, Dissection, LayerScores, plot_dissection, plot_rivals, plot_unit_overlap)
from catsdogs.interpret.feature_visualization import plot_pictures
from catsdogs.interpret.layers import plot_filters
from catsdogs.interpret.similarity import layer_similarity, plot_layer_similarity
from catsdogs.interpret.trait_swaps import plot_trait_effects, TraitEffect
from catsdogs.models.receptive_field import plot_field
from catsdogs.models.summary import plot_model
from catsdogs.models.zoo import build_model
from catsdogs.plotting import COLORS
from catsdogs.runs.answers import Prediction
from catsdogs.study.diagnose import plot_diagnosis
from catsdogs.study.effects import (
    Effect, Interval, learning_curve, main_effects, plot_effects, plot_gap, plot_learning_curves,
    t_interval)
from conftest import root

SIZE = 48

@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")

@pytest.fixture(scope="module")
def model(): return build_model("classic", SIZE).eval()

def pets(n): return np.stack([np.asarray(draw_pet("cat", i, SIZE)) for i in range(n)])

def public_plots():
    "(module, function) for each public function of the library that draws"
    for path in sorted((root/"catsdogs").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("plot_"):
                yield path.relative_to(root/"catsdogs").with_suffix("").as_posix(), node

def demanded(node):
    "The axes that a function does not do without"
    arguments = node.args.args
    required = arguments[:len(arguments) - len(node.args.defaults)]
    return [a.arg for a in required if a.arg in ("ax", "axs", "axes")]

def test_no_plot_demands_axes():
    plots = list(public_plots())
    assert len(plots) > 30
    assert [f"{module}: {node.name}" for module, node in plots if demanded(node)] == []

# Each on the current axes, if it is given none

def history():
    losses = [.7, .5, .4, .35]
    return [
        dict(epoch=i, train_loss=loss, valid_loss=loss + .05 * i, accuracy=1 - loss)
        for i, loss in enumerate(losses)]

def predictions():
    return [
        Prediction(Photo(f"{i}.jpg", label="cat"), "cat", dict(cat=.5 + i / 50, dog=.5 - i / 50))
        for i in range(25)]

def log(model):
    log = ActivationLog(pets(4), ["conv1"])
    for step in (0, 5): log.look(model, step)
    return log

def dissection():
    "Two units and two parts, of which the first unit detects the first"
    iou = np.array([[.5, .1], [.05, .06]])
    scores = LayerScores(
        fitted=iou, iou=iou, error=iou / 10, chance=iou / 5, over_chance=10 * iou,
        over_measure=10 * iou, thresholds=np.array([.5, .5]))
    return Dissection(("head", "tail"), {"conv1": scores}, (BestMeasure("light", .1, .1),) * 2)

ON_ONE = {
    "calibration": lambda model, **ax: plot_calibration(predictions(), **ax),
    "confusion": lambda model, **ax: plot_confusion(
        score(np.eye(2), [0, 1], ["cat", "dog"]), **ax),
    "activation_stats": lambda model, **ax: plot_activation_stats(
        activation_stats(model, pets(4)), **ax),
    "unit_activity": lambda model, **ax: plot_unit_activity(log(model), "conv1", **ax),
    "attribution": lambda model, **ax: plot_attribution(
        pets(1)[0], torch.rand(SIZE, SIZE), **ax),
    "dissection": lambda model, **ax: plot_dissection(dissection(), "conv1", **ax),
    "rivals": lambda model, **ax: plot_rivals(dissection(), **ax),
    "pictures": lambda model, **ax: plot_pictures(pets(2), ["one", "two"], **ax),
    "filters": lambda model, **ax: plot_filters(model[0][0], **ax),
    "layer_similarity": lambda model, **ax: plot_layer_similarity(
        {"itself": layer_similarity(model, model, pets(4))}, **ax),
    "trait_effects": lambda model, **ax: plot_trait_effects(
        [TraitEffect("ears", .2, .1, .3)], **ax),
    "field": lambda model, **ax: plot_field(model, pets(1)[0], "conv1", 0, 0, **ax),
    "model": lambda model, **ax: plot_model(model, SIZE, **ax),
    "diagnosis": lambda model, **ax: plot_diagnosis(history(), **ax),
    "effects": lambda model, **ax: plot_effects(main_effects(study()), **ax),
    "gap": lambda model, **ax: plot_gap(study(), **ax),
    "learning_curves": lambda model, **ax: plot_learning_curves(
        {"plain": learning_curve(photos())}, **ax)}

@pytest.mark.parametrize("name", ON_ONE)
def test_on_one_pair_of_axes(name, model):
    fig, (left, right) = plt.subplots(1, 2)
    assert ON_ONE[name](model, ax=left) is left and left.has_data() and not right.has_data()
    assert ON_ONE[name](model) is right and right.has_data() and plt.get_fignums() == [fig.number]

def test_on_a_row_of_axes(model):
    truth = draw_annotated([pet_spec(i, 1) for i in range(8)], SIZE)
    found = MapScore("gradient", *[torch.linspace(0, 1, 8)] * 8)
    knows_nothing = MapScore("centre", *[torch.linspace(0, .5, 8)] * 8)
    rows = {
        "history": (plot_history(history()), 2),
        "scores": (plot_scores([found, knows_nothing]), len(PANELS)),
        "overlap": (plot_unit_overlap(model, truth, dissection().name("conv1", 0), .1), 6)}
    for name, (axs, n) in rows.items():
        assert len(axs) == n and all(ax.has_data() for ax in axs), name
        assert len({ax.figure.number for ax in axs}) == 1, name
    assert len(plt.get_fignums()) == len(rows)

# The plots of a study

def study():
    "Two remedies, two seeds: light brings ten points, dropout one point or five"
    rows = []
    for augment, dropout, seed in product(("none", "light"), (0., .5), (0, 1)):
        accuracy = .7 + .1 * (augment == "light") + (.05 if seed else .01) * (dropout > 0)
        rows.append(
            dict(augment=augment, dropout=dropout, seed=seed, outcome="finished", accuracy=accuracy,
                 train_accuracy=accuracy + .2 * (augment == "none")))
    return rows

def photos():
    "Accuracies for a hundred photos with two seeds, and for a thousand with one"
    scores = ((100, 0, .6), (100, 1, .7), (1000, 0, .8))
    return [
        dict(limit=n, photos=n, seed=seed, outcome="finished", accuracy=a) for n, seed, a in scores]

def ends(line): return list(line.get_xdata()), list(line.get_ydata())

def test_effects_are_drawn():
    clear = Effect("augment none → light", Interval(.1, .08, .12, 3))
    unclear = Effect("dropout 0 → 0.5", Interval(.03, -.02, .08, 3))
    ax = plot_effects([clear, unclear])
    assert ax.get_title("left") + ax.get_title() == "Effects, 95% intervals over seeds"
    assert [label.get_text() for label in ax.get_yticklabels()] == [clear.name, unclear.name]
    intervals, means, zero = ax.lines[:4:2], ax.lines[1:4:2], ax.lines[4]
    drawn = zip((clear.change, unclear.change), intervals, means, strict=True)
    for i, (change, interval, mean) in enumerate(drawn):
        across, down = ends(interval)
        assert across == pytest.approx([100 * change.low, 100 * change.high])
        assert down == [i, i]
        across, down = ends(mean)
        assert across == pytest.approx([100 * change.mean])
        assert down == [i]
    # in colour is what leaves out zero, and only that
    assert [line.get_color() for line in intervals] == [COLORS["valid"], COLORS["neutral"]]
    assert set(ends(zero)[0]) == {0}
    top, bottom = ax.get_ylim()
    assert top > 1 and bottom < 0       # the first effect is above

def test_gap_is_drawn():
    ax = plot_gap(study())
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["as is", "dropout=0.5", "augment=light", "augment=light, dropout=0.5"]
    expected = {
        "as is": (70, 90), "dropout=0.5": (73, 93), "augment=light": (80, 80),
        "augment=light, dropout=0.5": (83, 83)}
    for i, name in enumerate(labels):
        bar, train, valid = ax.lines[3 * i:3 * i + 3]
        assert ends(bar)[0] == pytest.approx(expected[name]) and ends(bar)[1] == [i, i]
        assert ends(valid)[0] + ends(train)[0] == pytest.approx(expected[name])
        assert (train.get_color(), valid.get_color()) == (COLORS["train"], COLORS["valid"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]

def test_learning_curves_are_drawn():
    ax = plot_learning_curves({"plain": learning_curve(photos())})
    across, up = ends(ax.lines[0])
    assert across == [100, 1000] and up == pytest.approx([65, 80])
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["100", "1,000"]
    # an interval where there are two seeds, none where there is one
    (segment,) = ax.collections[0].get_segments()
    interval = t_interval([.6, .7])
    assert segment[:, 0].tolist() == [100, 100]
    assert segment[:, 1].tolist() == pytest.approx([100 * interval.low, 100 * interval.high])
    assert math.isfinite(interval.low)
