"""Which score tells photos of neither from pets: nine scores, on networks that have and have not
seen such photos.

Usage: python benchmarks/ood.py PHOTOS OTHERS NAME=WEIGHTS… [--work FOLDER]

Needs pytorch-ood, which computes three of the scores, and checks a fourth.

PHOTOS is the folder that holds Kaggle's train.zip, OTHERS holds photos of things and of other
animals, of which every second one, from the first, is used. WEIGHTS are those of a PetNet, as
`petnet_gpu.py` writes them, or "shipped". The validation photos (a tenth, by a hash of their names)
are the pets, 2,500 training photos are what is familiar, in the classes that the network gives them.
Features are kept in FOLDER under NAME: delete them when weights or photos change. Writes
results/ood.csv, where other networks keep their rows: the area under the ROC curve, the false
positive rate at a recall of 95%, and the share of OTHERS that is flagged at 5% false alarms.
"""
import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from pytorch_ood.detector import EnergyBased, KNN, RMD, ViM
from safetensors.torch import load_file
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from torch.nn.functional import normalize

from catsdogs.core import cache_dir
from catsdogs.data.photos import fit_photo, list_photos, map_photos, open_photo
from catsdogs.data.splits import DataSettings, split_photos
from catsdogs.models.layers import ResidualBlock
from catsdogs.models.zoo import build_model
from catsdogs.runs.folder import shipped_run
from catsdogs.runs.fuse import fuse_layers

RESULTS = Path(__file__).parent/"results"/"ood.csv"
SIZE, FAMILIAR, NEIGHBOURS = 128, 2500, 10

def pixels(photo): return np.asarray(fit_photo(open_photo(photo, SIZE), SIZE))

def load_sets(source, others):
    "name → photos: what is familiar, the pets that judge, and the others that were kept aside"
    photos = list_photos(source/"train.zip")
    train, valid = split_photos(photos, DataSettings(split="hash", valid=.1))
    # without the last dogs, but the same for all networks on record
    some = train[::max(1, len(train) // FAMILIAR)][:FAMILIAR]
    return {
        "train": [photos[i] for i in some],
        "valid": [photos[i] for i in valid],
        "others": list_photos(others)[::2]}

def means_of(net, x):
    "The mean of each map after each residual block, n×c each; the last of them are the features"
    found = []
    for layer in net[:-4]:
        x = layer(x)
        if isinstance(layer, ResidualBlock): found.append(x.mean((2, 3)))
    return found

@torch.no_grad()
def look(net, photos):
    "Logits, and what `means_of` finds, each the mean over a photo and its mirror image"
    found, decoded = [], list(map_photos(pixels, photos, "decoding"))
    for i in range(0, len(decoded), 64):
        x = torch.from_numpy(np.stack(decoded[i:i + 64])).permute(0, 3, 1, 2).float() / 255
        x = x.contiguous(memory_format=torch.channels_last)
        found.append([(a + b) / 2 for a, b in zip(means_of(net, x), means_of(net, x.flip(-1)), strict=True)])
    layers = [torch.cat(parts) for parts in zip(*found, strict=True)]
    return net[-1](layers[-1])[:, 0], layers

def load_network(weights):
    if weights == "shipped": return shipped_run().model().eval()
    net = build_model("petnet", SIZE).eval()
    net.load_state_dict(
        {name: t.float() if t.is_floating_point() else t for name, t in load_file(weights).items()})
    return net

def features_of(name, net, sets, work):
    "set → logits and means of maps, computed once"
    file = work/f"layers-{name}.pt"
    if file.exists(): return torch.load(file, weights_only=True)
    net = fuse_layers(net).to(memory_format=torch.channels_last)
    found = {kind: look(net, photos) for kind, photos in sets.items()}
    torch.save(found, file)
    return found

def mahalanobis(familiar, classes, features, shrink=.05):
    "Squared distance to the nearer class's middle"
    means = torch.stack([familiar[classes == c].mean(0) for c in (0, 1)])
    away = familiar - means[classes]
    covariance = away.T @ away / len(away)
    ball = covariance.diagonal().mean() * torch.eye(len(covariance), dtype=covariance.dtype)
    precision = torch.linalg.inv((1 - shrink) * covariance + shrink * ball)
    rest = features[:, None] - means
    return torch.einsum("ncd,de,nce->nc", rest, precision, rest).amin(1)

def tenth_neighbour(familiar, features):
    "Cosine distance to the tenth nearest"
    return 1 - (normalize(features) @ normalize(familiar).T).topk(NEIGHBOURS).values[:, -1]

def all_layers(familiar, classes, layers):
    "The Mahalanobis distance after each block, in multiples of its mean for what is familiar, added up"
    total = 0
    for known, new in zip(familiar, layers, strict=True):
        known, new = normalize(known.double()), normalize(new.double())
        total = total + mahalanobis(known, classes, new) / mahalanobis(known, classes, known).mean()
    return total

def by_pytorch_ood(familiar, classes, features, z, last):
    """Scores of the library. It takes one logit for each class: z as the pair (-z/2, z/2).

    The energy of that pair depends on the size of z alone, so it sorts pictures as the confidence does."""
    familiar, features = familiar.float(), features.float()
    w, b = (torch.cat([-t / 2, t / 2]) for t in (last.weight.detach(), last.bias.detach()))
    vim = ViM(None, d=features.shape[1] // 2, w=w, b=b).fit_features(familiar, classes)
    relative = RMD(None).fit_features(normalize(familiar), classes)
    neighbours = KNN(None, k=NEIGHBOURS).fit_features(familiar, classes)
    return {
        "energy": EnergyBased.score(torch.stack([-z / 2, z / 2], 1)),
        "ViM": vim.predict_features(features),
        "relative Mahalanobis distance, features of length 1": relative.predict_features(normalize(features)),
        "tenth nearest neighbour, as pytorch-ood has it": neighbours.predict_features(features)}

def score_all(found, kind, last):
    "score's name → how unfamiliar each photo of a set is"
    (z_train, known), (z, layers) = found["train"], found[kind]
    familiar, features, classes = known[-1].double(), layers[-1].double(), (z_train > 0).long()
    scores = {
        "confidence": -z.abs(),
        "size of the features": -features.norm(dim=1),
        "Mahalanobis distance": mahalanobis(familiar, classes, features),
        "Mahalanobis distance, features of length 1": mahalanobis(
            normalize(familiar), classes, normalize(features)),
        "tenth nearest neighbour": tenth_neighbour(familiar, features),
        "Mahalanobis distance, three layers": all_layers(known, classes, layers)}
    scores |= by_pytorch_ood(familiar, classes, features, z, last)
    oracle = scores.pop("tenth nearest neighbour, as pytorch-ood has it")
    assert spearmanr(oracle, scores["tenth nearest neighbour"]).statistic > .999
    return scores

def measure(pets, others):
    "The three numbers of the field"
    truth = np.r_[np.zeros(len(pets)), np.ones(len(others))]
    return dict(auroc=round(roc_auc_score(truth, np.r_[pets, others]), 4),
                fpr95=round(float((pets >= np.quantile(others, .05)).mean()), 4),
                flagged=round(float((others > np.quantile(pets, .95)).mean()), 4))

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("others", type=Path)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--work", type=Path, default=cache_dir()/"ood")
    return parser.parse_args()

def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    sets, rows = load_sets(args.photos, args.others), []
    kinds = np.array([photo.label for photo in sets["others"]])
    for name, weights in (network.split("=", 1) for network in args.networks):
        net = load_network(weights)
        found = features_of(name, net, sets, args.work)
        pets, others = (score_all(found, kind, net[-1]) for kind in ("valid", "others"))
        for score in pets:
            for kind in ("thing", "animal"):
                there = others[score].numpy()[kinds == kind]
                found_out = measure(pets[score].numpy(), there)
                rows.append(dict(network=name, score=score, kind=kind, n=len(there), **found_out))
                print(rows[-1], flush=True)
    write([*kept_rows({row["network"] for row in rows}), *rows])

def kept_rows(measured):
    "The rows of networks that were not measured now"
    with open(RESULTS, newline="") as file: rows = list(csv.DictReader(file))
    return [row for row in rows if row["network"] not in measured]

def write(rows):
    with open(RESULTS, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

if __name__ == "__main__": main()
