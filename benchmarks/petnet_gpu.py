"""Train PetNet from scratch on a GPU: the weights that ship, and the same training without photos
of neither or without a teacher.

Usage: python benchmarks/petnet_gpu.py PHOTOS OUT [--others FOLDER] [--teacher FILE]
           [--seconds 75] [--lr 0.006] [--seed 0]

PHOTOS is the folder that holds Kaggle's train.zip. A tenth of its photos, by a hash of their names,
is never learned from. OTHERS holds photos of things and of other animals. Every second one is
learned from, the rest is kept aside: the network is taught to be undecided about them (outlier
exposure, Hendrycks et al., 2019). Without OTHERS nothing but cats and dogs is shown. FILE holds
ImageNet's weights for timm's mobilenet_edgetpu_100. That network is first tuned on the same photos,
and then answers every changed picture that PetNet sees: PetNet learns to give its answers and to
have its features (distillation). None of its weights get into PetNet. The learning rate follows the
clock: the training takes SECONDS, however many epochs that is. Writes OUT/petnet.safetensors, in
half precision, and OUT/petnet_gpu.json. `petnet.py` judges these weights and ships them.
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
class Labelled:
    "Photos on the device, n×3×size×size uint8, and 1. for each dog"
    pixels: torch.Tensor
    targets: torch.Tensor

def load(photos, size):
    "These photos, decoded and squashed to this size"
    targets = torch.tensor([float(photo.label == "dog") for photo in photos], device=DEVICE)
    return Labelled(decode_all(photos, size), targets)

@dataclass(frozen=True, eq=False)
class Pictures:
    "What a training is given: cats and dogs, and photos of neither"
    train: Labelled
    others: torch.Tensor|None = None

def load_pictures(folder, others):
    "What is learned from, and the photos that judge"
    photos = list_photos(folder/"train.zip")
    train, valid = split_photos(photos, DataSettings(split="hash", valid=.1))
    unknown = decode_all(list_photos(others)[1::2], SOURCE) if others else None
    pictures = Pictures(load([photos[i] for i in train], SOURCE), unknown)
    return pictures, [photos[i] for i in valid]


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
    "n×3×s×s uint8 → n×3×224×224 from 0 to 1, changed by chance"
    size = (len(pixels), 3, 2 * TRAIN_SIZE, 2 * TRAIN_SIZE)
    grid = F.affine_grid(geometry(len(pixels)), size, align_corners=False)
    x = F.grid_sample(pixels.float() / 255, grid, padding_mode="reflection", align_corners=False)
    return hide_some(add_noise(coarsen_some(blur_some(light(x))))).clamp(0, 1)

def halved(x):
    "What PetNet is given of these views: n×3×112×112"
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
    def __init__(self, params, wd=.1, mom=.95, sqr_mom=.99, eps=1e-5):
        self.params = list(params)
        self.wd, self.mom, self.sqr_mom, self.eps = wd, mom, sqr_mom, eps
        self.means = [torch.zeros_like(p) for p in self.params]
        rest = [i for i, p in enumerate(self.params) if p.ndim != 4]
        self.rest = [self.params[i] for i in rest]
        self.rest_means = [self.means[i] for i in rest]
        self.squares = [torch.zeros_like(p) for p in self.rest]
        self.shapes = {}
        for i, p in enumerate(self.params):
            if p.ndim == 4: self.shapes.setdefault(tuple(p.shape), []).append(i)
        self.count = 0

    @torch.no_grad()
    def step(self, lr):
        self.count += 1
        gradients = [p.grad for p in self.params]
        torch._foreach_mul_(self.params, 1 - lr * self.wd)
        torch._foreach_lerp_(self.means, gradients, 1 - self.mom)
        for rows in self.shapes.values(): self.move_filters(rows, lr)
        self.move_rest(lr)

    def move_filters(self, rows, lr):
        "All convolutions of one shape at once"
        ahead = torch.stack([self.params[i].grad.lerp(self.means[i], self.mom).flatten(1) for i in rows])
        steps = orthogonalize(ahead) * (.2 * max(ahead.shape[1:])**.5)
        for i, step in zip(rows, steps, strict=True):
            self.params[i].add_(step.view_as(self.params[i]), alpha=-lr)

    def move_rest(self, lr):
        "Adam"
        gradients = [p.grad for p in self.rest]
        torch._foreach_lerp_(self.squares, torch._foreach_mul(gradients, gradients), 1 - self.sqr_mom)
        roots = torch._foreach_div(self.squares, 1 - self.sqr_mom**self.count)
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, self.eps)
        torch._foreach_addcdiv_(
            self.rest, self.rest_means, roots, value=-lr / (1 - self.mom**self.count))

def orthogonalize(matrices):
    "n×a×b → the nearest orthogonal matrices, nearly (Newton and Schulz)"
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(torch.bfloat16)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)

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
        torch._foreach_lerp_(floats(self.model), floats(model), 1 - keep)

def floats(model):
    "Everything in a network that can be averaged: weights, and the statistics of batches"
    return [t for t in model.state_dict().values() if t.is_floating_point()]

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

def bce(z, y): return F.binary_cross_entropy_with_logits(z, y)

def make_batch(data, rows):
    "Views of mixed pets with their targets, and after them views of neither if there are any"
    pixels = data.train.pixels[rows]
    x, y = mix(views(pixels), data.train.targets[rows])
    if data.others is None: return x, y, 0
    strange = views(outliers(data, pixels, max(2, len(rows) // 10)))
    return torch.cat([x, strange]), y, len(strange)

def loss_of(student, batch, teacher=None):
    "The loss on pets and, where there are any, on pictures of neither, about which nothing is to be claimed"
    x, y, n_strange = batch
    with half(): z, features = student(halved(x))
    z, features = z.float(), features.float()
    pets, strange = z[:len(y)], z[len(y):]
    loss = bce(pets, y)
    if teacher is not None:
        answers, wanted = teacher(x)
        loss = .3 * loss + .7 * bce(pets, answers[:len(y)].sigmoid())
        if student.project is not None:
            loss = loss + F.mse_loss(student.project(features), standardize(wanted))
    return loss + .3 * bce(strange, torch.full_like(strange, .5)) if n_strange else loss

def standardize(features):
    "Mean 0 and deviation 1 in the batch (`catsdogs.training.distillation` does it with fastai)"
    return (features - features.mean(0)) / (features.std(0) + 1e-3)

class Student(torch.nn.Module):
    "PetNet, and the map from its 256 features to a teacher's, which is thrown away after the training"
    def __init__(self, teacher_features=0):
        super().__init__()
        self.net = build_model("petnet", TRAIN_SIZE)
        n_features = self.net[-1].in_features
        self.project = torch.nn.Linear(n_features, teacher_features) if teacher_features else None

    def forward(self, x):
        features = self.net[:-2](x)
        return self.net[-2:](features)[:, 0], features

def train(data, progress, lr, bs=256, teacher=None, features=True):
    "The running mean of PetNet's weights, and how many epochs it took part in"
    student = Student(teacher.n_features if teacher and features else 0)
    student.to(DEVICE, memory_format=torch.channels_last).train()
    average = Average(student.net)
    opt = Muon(student.parameters())
    supply = batches(len(data.train.targets), bs)
    epoch = 0
    for done in progress:
        epoch, rows = next(supply)
        loss_of(student, make_batch(data, rows), teacher).backward()
        opt.step(lr * one_cycle(done))
        student.zero_grad(set_to_none=True)
        average.update(student.net, done)
    return average.model, epoch

@torch.no_grad()
def judge(answer, judged):
    "Accuracy and log loss; the answer is the mean over a photo and its mirror image"
    found = []
    for pixels in judged.pixels.split(256):
        x = (pixels.float() / 255).contiguous(memory_format=torch.channels_last)
        found.append((answer(x) + answer(x.flip(-1))) / 2)
    z = torch.cat(found)
    right = (z > 0) == (judged.targets > 0)
    return dict(accuracy=right.float().mean().item(), log_loss=bce(z, judged.targets).item())

def judge_net(model, judged): return judge(lambda x: model(x)[:, 0].float(), judged)


# --- the teacher ---

class Teacher:
    "ImageNet's mobilenet_edgetpu_100 with one output: n×3×224×224 → logits, and 1,280 features"
    n_features = 1280

    def __init__(self, weights):
        import timm
        net = timm.create_model(
            "mobilenet_edgetpu_100", pretrained=True, pad_type="same", num_classes=1,
            pretrained_cfg_overlay=dict(file=str(weights)))
        self.net = net.to(DEVICE, memory_format=torch.channels_last)
        self.mean = torch.tensor(net.default_cfg["mean"], device=DEVICE).view(3, 1, 1)
        self.std = torch.tensor(net.default_cfg["std"], device=DEVICE).view(3, 1, 1)

    def outputs(self, x):
        with half():
            maps = self.net.forward_features(
                ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last))
            features = self.net.forward_head(maps, pre_logits=True)
            return self.net.classifier(features)[:, 0].float(), features.float()

    @torch.no_grad()
    def __call__(self, x): return self.outputs(x)

def tune_teacher(data, weights, progress, lr=5e-5, bs=128):
    "A teacher for these photos, tuned on the same views that the student is given"
    teacher = Teacher(weights)
    net = teacher.net.eval()        # the statistics of ImageNet stay
    average = Average(net, share=.1)
    head = list(net.classifier.parameters())
    body = [p for name, p in net.named_parameters() if not name.startswith("classifier")]
    groups = [dict(params=body, lr=lr, share=1.), dict(params=head, lr=lr, share=30.)]
    opt = torch.optim.AdamW(groups, weight_decay=.01)
    supply = batches(len(data.train.targets), bs)
    for done in progress:
        _, rows = next(supply)
        for group in opt.param_groups: group["lr"] = lr * group["share"] * one_cycle(done)
        x, y = mix(views(data.train.pixels[rows]), data.train.targets[rows])
        bce(teacher.outputs(x)[0], y).backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        average.update(net, done)
    teacher.net = average.model
    return teacher

def judge_teacher(teacher, photos): return judge(lambda x: teacher(x)[0], load(photos, 2 * TRAIN_SIZE))


# --- the command ---

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--others", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--teacher-seconds", type=float, default=40)
    parser.add_argument("--answers-only", action="store_true", help="the teacher's features are not learned")
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--lr", type=float, default=6e-3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()

def save(model, path):
    "The weights in half precision"
    state = {
        name: (t.half() if t.is_floating_point() else t).cpu().contiguous()
        for name, t in model.state_dict().items()}
    save_file(state, str(path))

def device_name(): return torch.cuda.get_device_name() if DEVICE.type == "cuda" else DEVICE.type

def main():
    args = arguments()
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    data, valid = load_pictures(args.photos, args.others)
    teacher = taught = None
    if args.teacher:
        teacher = tune_teacher(data, args.teacher, clock(args.teacher_seconds))
        taught = judge_teacher(teacher, valid)
        print("teacher", taught, flush=True)
    model, epochs = train(
        data, clock(args.seconds), args.lr, teacher=teacher, features=not args.answers_only)
    save(model, args.out/"petnet.safetensors")
    row = dict(
        torch=torch.__version__.split("+")[0], seconds=args.seconds, epochs=epochs, lr=args.lr,
        seed=args.seed, device=device_name(), teacher=taught,
        outliers=0 if data.others is None else len(data.others),
        valid=judge_net(model, load(valid, ANSWER_SIZE)))
    (args.out/"petnet_gpu.json").write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps(row))

if __name__ == "__main__": main()
