"""Train PetNet from scratch on a GPU: the weights that ship, and the same training without photos
of neither.

Usage: python benchmarks/petnet_gpu.py PHOTOS OUT [--others FOLDER] [--seconds 75] [--lr 0.006] [--seed 0]

PHOTOS is the folder that holds Kaggle's train.zip. A tenth of its photos, by a hash of their names,
is never learned from. OTHERS holds photos of things and of other animals. Every second one is
learned from, the rest is kept aside: the network is taught to be undecided about them (outlier
exposure, Hendrycks et al., 2019). Without OTHERS nothing but cats and dogs is shown. The learning
rate follows the clock: the training takes SECONDS, however many epochs that is. Writes
OUT/petnet.safetensors, in half precision, and OUT/petnet_gpu.json. `petnet.py` judges these weights
and ships them.
"""
import argparse
import copy
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from catsdogs.data.photos import fit_photo, list_photos, open_photo
from catsdogs.data.splits import DataSettings, split_photos
from catsdogs.models.zoo import build_model

# sides of the decoded photos, of training pictures, of judged ones
SOURCE, TRAIN_SIZE, ANSWER_SIZE = 180, 112, 128
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


# --- photos ---

def decode(photo_and_size):
    photo, size = photo_and_size
    return np.asarray(fit_photo(open_photo(photo, size), size))

def decode_all(photos, size):
    "n photos → n×3×size×size uint8, on the device"
    with ProcessPoolExecutor() as pool:
        pixels = np.stack(list(pool.map(decode, [(photo, size) for photo in photos], chunksize=64)))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(DEVICE)

@dataclass(frozen=True, eq=False)
class Pictures:
    "All photos, on the device"
    train: torch.Tensor
    train_targets: torch.Tensor
    valid: torch.Tensor
    valid_targets: torch.Tensor
    others: torch.Tensor|None

def load_pictures(folder, others):
    photos = list_photos(folder/"train.zip")
    train, valid = split_photos(photos, DataSettings(split="hash", valid=.1))
    targets = torch.tensor([float(photo.label == "dog") for photo in photos], device=DEVICE)
    pixels = decode_all([photos[i] for i in train], SOURCE)
    judged = decode_all([photos[i] for i in valid], ANSWER_SIZE)
    unknown = decode_all(list_photos(others)[1::2], SOURCE) if others else None
    return Pictures(pixels, targets[train], judged, targets[valid], unknown)


# --- pictures that change ---

def geometry(n):
    "Matrices for `affine_grid`: crops, zooms outwards, odd proportions, turns, mirror images"
    def random(low, high): return low + (high - low) * torch.rand(n, device=DEVICE)
    kept, chance = random(.45, 1), random(0, 1)
    kept = torch.where(chance < .12, random(1, 1.4), kept)
    kept = torch.where(chance > .9, torch.ones_like(kept), kept)
    stretch = torch.exp(random(-.22, .22))
    wide, high = kept * stretch, kept / stretch
    angle = random(-14, 14) * math.pi / 180 * (random(0, 1) < .7)
    x, y = random(-1, 1) * (1 - wide).abs(), random(-1, 1) * (1 - high).abs()
    mirror = 1 - 2 * (random(0, 1) < .5).float()
    top = torch.stack([wide * angle.cos() * mirror, -high * angle.sin(), x], 1)
    bottom = torch.stack([wide * angle.sin() * mirror, high * angle.cos(), y], 1)
    return torch.stack([top, bottom], 1)

def light(x):
    "Gamma, contrast, brightness, colour; some pictures become grey"
    def random(low, high): return low + (high - low) * torch.rand(len(x), 1, 1, 1, device=DEVICE)
    x = x.clamp(1e-4, 1) ** torch.where(random(0, 1) < .3, random(.6, 1.6), random(1, 1))
    contrast, brightness = random(.7, 1.3), random(.7, 1.3)
    x = (x * brightness - .5) * contrast + .5
    grey = (x * x.new_tensor([.299, .587, .114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    colour = torch.where(random(0, 1) < .08, random(0, 0), random(.5, 1.5))
    return grey.lerp(x, colour).clamp(0, 1)

def chosen(n, share): return (torch.rand(n, device=DEVICE) < share).nonzero()[:, 0]

def blur_some(x, share=.12):
    "Blur some pictures"
    rows = chosen(len(x), share)
    if not len(rows): return x
    steps = torch.arange(-6, 7, device=DEVICE, dtype=x.dtype)
    kernel = torch.exp(-steps**2 / (2 * (.6 + 2.4 * torch.rand(1).item())**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, -1)
    soft = F.conv2d(x[rows], kernel[:, :, None], padding=(0, 6), groups=3)
    x[rows] = F.conv2d(soft, kernel[..., None], padding=(6, 0), groups=3)
    return x

def coarsen_some(x, share=.08):
    "Make some pictures as if they had been small"
    rows, size = chosen(len(x), share), x.shape[-1]
    if not len(rows): return x
    small = F.interpolate(x[rows], size // int(torch.randint(3, 6, ())), mode="area")
    x[rows] = F.interpolate(small, size, mode="bilinear")
    return x

def add_noise(x, share=.12):
    strength = .12 * torch.rand(len(x), 1, 1, 1, device=DEVICE)
    return x + strength * (torch.rand_like(strength) < share) * torch.randn_like(x)

def hide_some(x, share=.25):
    "Put noise in place of a rectangle in some pictures"
    n, size = len(x), x.shape[-1]
    place = torch.rand(4, n, device=DEVICE)
    wide, high = .1 + .35 * place[0], .1 + .35 * place[1]
    left, top = place[2] * (1 - wide), place[3] * (1 - high)
    line = (torch.arange(size, device=DEVICE) + .5) / size
    across = (line > left[:, None]) & (line < (left + wide)[:, None])
    down = (line > top[:, None]) & (line < (top + high)[:, None])
    hidden = (across[:, None, :] & down[:, :, None])[:, None] & (
        torch.rand(n, 1, 1, 1, device=DEVICE) < share)
    return torch.where(hidden, torch.rand_like(x), x)

def views(pixels):
    "n×3×s×s uint8 → n×3×112×112 from 0 to 1, changed by chance, sampled at twice that size"
    size = (len(pixels), 3, 2 * TRAIN_SIZE, 2 * TRAIN_SIZE)
    grid = F.affine_grid(geometry(len(pixels)), size, align_corners=False)
    x = F.grid_sample(pixels.float() / 255, grid, padding_mode="reflection", align_corners=False)
    x = hide_some(add_noise(coarsen_some(blur_some(light(x))))).clamp(0, 1)
    return F.avg_pool2d(x, 2).contiguous(memory_format=torch.channels_last)

def scramble(pixels, tiles=4):
    "Cut pictures into tiles and shuffle these: every texture of a pet, and no pet"
    side = pixels.shape[-1] // tiles
    cut = pixels.unfold(2, side, side).unfold(3, side, side).flatten(2, 3)
    cut = cut[:, :, torch.randperm(tiles**2, device=DEVICE)].view(
        len(pixels), 3, tiles, tiles, side, side)
    return cut.transpose(3, 4).reshape(len(pixels), 3, side * tiles, side * tiles)

def outliers(data, pixels, n):
    "n pictures of neither: half of them scrambled pets, half photos of other things"
    strange = scramble(pixels[:n // 2])
    rows = torch.randint(len(data.others), (n - len(strange),), device=DEVICE)
    return torch.cat([strange, data.others[rows]])

def mix(x, y):
    "MixUp or CutMix of a batch with itself, or neither, by chance"
    kind, order = torch.rand(()).item(), torch.randperm(len(x), device=DEVICE)
    if kind < .3:
        share = float(np.random.beta(.4, .4))
        return x.lerp(x[order], 1 - share), y.lerp(y[order], 1 - share)
    if kind < .45:
        size = x.shape[-1]
        high, wide = np.random.randint(size // 4, size * 3 // 4, 2)
        top, left = np.random.randint(0, size - high), np.random.randint(0, size - wide)
        x = x.clone()
        x[:, :, top:top + high, left:left + wide] = x[order, :, top:top + high, left:left + wide]
        return x, y.lerp(y[order], high * wide / size**2)
    return x, y


# --- learning ---

class Muon:
    "Muon for convolutions and Adam for the rest, as in `catsdogs.training.optimizers`, without fastai"
    def __init__(self, params, wd, mom=.95, sqr_mom=.99, eps=1e-5):
        self.params = list(params)
        self.wd, self.mom, self.sqr_mom, self.eps = wd, mom, sqr_mom, eps
        self.mean = [torch.zeros_like(p) for p in self.params]
        self.square = [torch.zeros_like(p) for p in self.params]
        self.count = 0

    @torch.no_grad()
    def step(self, lr):
        self.count += 1
        for p, mean, square in zip(self.params, self.mean, self.square, strict=True):
            p.mul_(1 - lr * self.wd)
            mean.lerp_(p.grad, 1 - self.mom)
            if p.ndim == 4:
                ahead = p.grad.lerp(mean, self.mom).flatten(1)
                p.add_(orthogonalize(ahead).view_as(p), alpha=-lr * .2 * max(ahead.shape)**.5)
                continue
            square.lerp_(p.grad**2, 1 - self.sqr_mom)
            root = (square / (1 - self.sqr_mom**self.count)).sqrt().add_(self.eps)
            p.addcdiv_(mean, root, value=-lr / (1 - self.mom**self.count))

def orthogonalize(matrix):
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).to(torch.bfloat16)
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.T if tall else x).to(matrix.dtype)

def one_cycle(progress, warm=.15):
    if progress < warm: return .04 + .96 * (1 - math.cos(math.pi * progress / warm)) / 2
    return (1 + math.cos(math.pi * (progress - warm) / (1 - warm))) / 2

class Average:
    "A running mean of a network's weights that reaches back over a share of the training"
    def __init__(self, model, share=.04):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.share, self.last = share, 0.

    @torch.no_grad()
    def update(self, model, progress):
        keep = math.exp(-(progress - self.last) / self.share)
        self.last = progress
        for mine, theirs in zip(
            self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mine.is_floating_point(): mine.lerp_(theirs, 1 - keep)
            else: mine.copy_(theirs)

def batches(n, bs):
    "Rows of batches for ever, each epoch in another order, with the epoch's number"
    epoch = 0
    while True:
        for rows in torch.randperm(n, device=DEVICE).split(bs):
            if len(rows) == min(bs, n): yield epoch, rows
        epoch += 1

def clock(seconds):
    "How far a training is, from 0 to 1, by the time that it has had"
    start = time.perf_counter()
    while (progress := (time.perf_counter() - start) / seconds) < 1: yield progress

def half(): return torch.autocast(DEVICE.type, torch.bfloat16, enabled=DEVICE.type == "cuda")

def loss_of(model, data, rows):
    "The loss on mixed pets and, where there are any, on pictures of neither, about which nothing is to be claimed"
    pixels = data.train[rows]
    x, y = mix(views(pixels), data.train_targets[rows])
    if data.others is None:
        with half(): return F.binary_cross_entropy_with_logits(model(x)[:, 0].float(), y)
    strange = views(outliers(data, pixels, max(2, len(rows) // 10)))
    with half(): z = model(torch.cat([x, strange]))[:, 0].float()
    pets = F.binary_cross_entropy_with_logits(z[:len(x)], y)
    return pets + 0.3 * F.binary_cross_entropy_with_logits(
        z[len(x) :], torch.full_like(z[len(x) :], 0.5))

def train(data, seconds, lr, bs=256):
    "The running mean of the weights, and how many epochs it took part in"
    model = build_model("petnet", TRAIN_SIZE).to(DEVICE, memory_format=torch.channels_last).train()
    average = Average(model)
    opt = Muon(model.parameters(), wd=.1)
    supply = batches(len(data.train), bs)
    epoch = 0
    for progress in clock(seconds):
        epoch, rows = next(supply)
        loss_of(model, data, rows).backward()
        opt.step(lr * one_cycle(progress))
        model.zero_grad(set_to_none=True)
        average.update(model, progress)
    return average.model, epoch

@torch.no_grad()
def judge(model, data):
    "Accuracy and log loss on the validation photos; the answer is the mean over a photo and its mirror image"
    found = []
    for pixels in data.valid.split(256):
        x = (pixels.float() / 255).contiguous(memory_format=torch.channels_last)
        found.append((model(x)[:, 0] + model(x.flip(-1))[:, 0]) / 2)
    z = torch.cat(found)
    return dict(accuracy=((z > 0) == (data.valid_targets > 0)).float().mean().item(),
                log_loss=F.binary_cross_entropy_with_logits(z, data.valid_targets).item())

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--others", type=Path)
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--lr", type=float, default=6e-3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()

def main():
    args = arguments()
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    data = load_pictures(args.photos, args.others)
    model, epochs = train(data, args.seconds, args.lr)
    args.out.mkdir(parents=True, exist_ok=True)
    state = {
        name: (t.half() if t.is_floating_point() else t).cpu().contiguous()
        for name, t in model.state_dict().items()}
    save_file(state, str(args.out/"petnet.safetensors"))
    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else DEVICE.type
    row = dict(
        torch=torch.__version__.split("+")[0], seconds=args.seconds, epochs=epochs, lr=args.lr,
        seed=args.seed, device=device, outliers=0 if data.others is None else len(data.others),
        valid=judge(model, data))
    (args.out/"petnet_gpu.json").write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps(row))

if __name__ == "__main__": main()
