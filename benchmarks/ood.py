"""Which score tells photos of neither from pets: five scores, on networks that have and have not
seen such photos.

Usage: python benchmarks/ood.py PHOTOS OTHERS NAME=WEIGHTS… [--work FOLDER]

PHOTOS is the folder that holds Kaggle's train.zip, OTHERS holds photos of things and of other
animals, of which every second one, from the first, is used. WEIGHTS are those of a PetNet, as
`petnet_gpu.py` writes them, or "shipped". The validation photos (a tenth, by a hash of their names)
are the pets, 2,500 training photos are what is familiar. Features are kept in FOLDER. Writes
results/ood.csv: the area under the ROC curve, the false positive rate at a recall of 95%, and the
share of OTHERS that is flagged at 5% false alarms.
"""
import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from torch.nn.functional import normalize

from catsdogs.core import cache_dir
from catsdogs.data.photos import fit_photo, list_photos, map_photos, open_photo
from catsdogs.data.splits import DataSettings, split_photos
from catsdogs.models.zoo import build_model
from catsdogs.runs.folder import shipped_run
from catsdogs.runs.fuse import fuse_layers

RESULTS = Path(__file__).parent/"results"/"ood.csv"
SIZE, FAMILIAR = 128, 2500

def pixels(photo): return np.asarray(fit_photo(open_photo(photo, SIZE), SIZE))

def load_sets(source, others):
    "name → photos: what is familiar, the pets that judge, and the others that were kept aside"
    photos = list_photos(source/"train.zip")
    train, valid = split_photos(photos, DataSettings(split="hash", valid=.1))
    some = train[::len(train) // FAMILIAR][:FAMILIAR]
    return {
        "train": [photos[i] for i in some],
        "valid": [photos[i] for i in valid],
        "others": list_photos(others)[::2]}

@torch.no_grad()
def look(net, photos):
    "Logits and features, the mean over a photo and its mirror image"
    found, decoded = [], list(map_photos(pixels, photos, "decoding"))
    for i in range(0, len(decoded), 64):
        x = torch.from_numpy(np.stack(decoded[i:i + 64])).permute(0, 3, 1, 2).float() / 255
        x = x.contiguous(memory_format=torch.channels_last)
        found.append((net[:-2](x) + net[:-2](x.flip(-1))) / 2)
    features = torch.cat(found)
    return net[-2:](features)[:, 0], features

def load_network(weights):
    if weights == "shipped": return shipped_run().model().eval()
    net = build_model("petnet", SIZE).eval()
    net.load_state_dict(
        {name: t.float() if t.is_floating_point() else t for name, t in load_file(weights).items()})
    return net

def features_of(name, weights, sets, work):
    "set → logits and features, computed once"
    file = work/f"feat-{name}.pt"
    if file.exists(): return torch.load(file, weights_only=True)
    net = fuse_layers(load_network(weights)).to(memory_format=torch.channels_last)
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
    return 1 - (normalize(features) @ normalize(familiar).T).topk(10).values[:, -1]

def score_all(found, kind):
    "score's name → how unfamiliar each photo of a set is"
    (z_train, familiar), (z, features) = found["train"], found[kind]
    familiar, features, classes = familiar.double(), features.double(), (z_train > 0).long()
    return {
        "confidence": -z.abs(),
        "size of the features": -features.norm(dim=1),
        "Mahalanobis distance": mahalanobis(familiar, classes, features),
        "Mahalanobis distance, features of length 1": mahalanobis(
            normalize(familiar), classes, normalize(features)),
        "tenth nearest neighbour": tenth_neighbour(familiar, features)}

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
        found = features_of(name, weights, sets, args.work)
        pets, others = score_all(found, "valid"), score_all(found, "others")
        for score in pets:
            for kind in ("thing", "animal"):
                there = others[score].numpy()[kinds == kind]
                rows.append(
                    dict(
                        network=name, score=score, kind=kind, n=len(there),
                        **measure(pets[score].numpy(), there)))
                print(rows[-1], flush=True)
    with open(RESULTS, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

if __name__ == "__main__": main()
