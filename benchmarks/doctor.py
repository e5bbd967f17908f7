"""The photo doctor on a set that was spoiled in every way: what it finds, what it misses, and its
false alarms.

Usage: python benchmarks/doctor.py PHOTOS [--clean 2000] [--each 40]

PHOTOS is the folder that holds Kaggle's train.zip. `--clean` photos stay as they are, and `--each`
others are spoiled in each way. Near duplicates are looked for by imagehash (its perceptual hash,
and its hashes of segments, which are made for crops), and dark,
blurred and plain photos by cleanvision too, if these packages are installed. Then the
whole train.zip is checked and timed. Writes results/doctor.json.
"""
import argparse
import contextlib
import io
import json
import os
import random
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from catsdogs.data.doctor import check_photos, examine, PROBLEMS, similar_pairs
from catsdogs.data.photos import evenly_spaced, list_photos, map_photos, open_photo, UnreadablePhoto
from catsdogs.data.splits import split_photos

RESULT = Path(__file__).parent/"results"/"doctor.json"


def saved(img, format="JPEG", **options):
    "The bytes of a file"
    buffer = io.BytesIO()
    img.save(buffer, format, **options)
    return buffer.getvalue()


def turned(img, _):
    "Sideways, with a note that says so"
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(img.rotate(90, expand=True), exif=exif)


def cut(img, dice):
    "The first part of the file"
    data = saved(img, quality=90)
    return data[:int(len(data) * dice.uniform(.3, .9))]


def resaved(img, dice):
    "Another size and quality"
    side = int(img.width * dice.uniform(.5, 1.5))
    return saved(img.resize((side, side)), quality=dice.randint(30, 80))


def brighter(img, dice):
    factor = dice.uniform(.6, 1.4)
    return saved(img.point(lambda v: v * factor))


def cropped(img, dice):
    "Without a border of two pixels in a hundred"
    x, y = round(img.width * .02), round(img.height * .02)
    return saved(img.crop((x, y, img.width - x, img.height - y)))


def part(share):
    "A rectangle somewhere in the picture, with this share of its area"
    def change(img, dice):
        width, height = round(img.width * share**.5), round(img.height * share**.5)
        x, y = dice.randint(0, img.width - width), dice.randint(0, img.height - height)
        return saved(img.crop((x, y, x + width, y + height)))
    return change


def plain(img, dice):
    return saved(Image.new("RGB", img.size, tuple(dice.randrange(256) for _ in range(3))))


WAYS = {
    "empty": ("empty", lambda img, dice: b""),
    "a text": ("no image", lambda img, dice: b"This was a photo once.\n" * 20),
    "a web page": (
        "no image", lambda img, dice: b"<!doctype html><html><body>Sign in</body></html>"),
    "cut short": ("truncated", cut),
    "PNG called .jpg": ("wrong suffix", lambda img, dice: saved(img, "PNG")),
    "turned by EXIF": ("turned", turned),
    "CMYK": ("CMYK", lambda img, dice: saved(img.convert("CMYK"))),
    "grey": ("grey", lambda img, dice: saved(img.convert("L"))),
    "animated": (
        "animated",
        lambda img, dice: saved(img, "GIF", save_all=True, append_images=[img.rotate(9)])),
    "12 pixels": ("tiny", lambda img, dice: saved(img.resize((12, 12)))),
    "plain": ("one colour", plain),
    "a tenth of the light": ("dark", lambda img, dice: saved(img.point(lambda v: v * 0.1))),
    "blurred by 4": ("blurred", lambda img, dice: saved(img.filter(ImageFilter.GaussianBlur(4)))),
    "blurred by 2": ("blurred", lambda img, dice: saved(img.filter(ImageFilter.GaussianBlur(2)))),
    "the same file": ("duplicate", None),
    "resized and saved again": ("near duplicate", resaved),
    "other brightness": ("near duplicate", brighter),
    "mirrored": (
        "near duplicate",
        lambda img, dice: saved(img.transpose(Image.Transpose.FLIP_LEFT_RIGHT))),
    "turned to the left": ("near duplicate", lambda img, dice: saved(img.transpose(Image.Transpose.ROTATE_90))),
    "upside down": ("near duplicate", lambda img, dice: saved(img.transpose(Image.Transpose.ROTATE_180))),
    "border cut by 2%": ("near duplicate", cropped),
    "a part, of 80% of it": ("near duplicate", part(.8)),
    "a part, of 60% of it": ("near duplicate", part(.6)),
    "turned by 10 degrees": (
        "near duplicate", lambda img, dice: saved(img.rotate(10, Image.Resampling.BILINEAR, fillcolor="grey")))}


ORIGINAL = "original"   # of a copy: whether a method names it, the copy or both, is no mistake


def spoil(photos, folder, clean, each):
    "Write clean and spoiled photos into a folder; file name → (way, what should be found), None for a clean one"
    dice, truth = random.Random(0), {}
    photos = evenly_spaced(photos, clean + each * len(WAYS))
    dice.shuffle(photos)
    folder.mkdir()
    def write(photo, name, data, what):
        (folder/photo.label).mkdir(exist_ok=True)
        (folder/photo.label/name).write_bytes(data)
        truth[name] = what
    for photo in photos[:clean]: write(photo, photo.name, photo.read(), None)
    for i, (way, (problem, change)) in enumerate(WAYS.items()):
        for photo in photos[clean + i * each:clean + (i + 1) * each]:
            name = f"{photo.label}.x{i}.{photo.number}.{'gif' if way == 'animated' else 'jpg'}"
            if "duplicate" in problem: write(photo, photo.name, photo.read(), ORIGINAL)
            write(
                photo, name, photo.read() if change is None else change(open_photo(photo), dice),
                (way, problem))
    return truth


def scored(found, truth):
    "Found and missed for each way; false alarms for each problem, among the clean photos"
    rows, alarms = {way: Counter() for way in WAYS}, Counter()
    for name, what in truth.items():
        problems = found.get(name, set())
        if what is None: alarms.update(problems)
        elif what != ORIGINAL: rows[what[0]]["found" if what[1] in problems else "missed"] += 1
    return {way: dict(row) for way, row in rows.items()}, dict(alarms)


def by_doctor(folder):
    "File name → problems. Of a pair the doctor names the second; here both are named, as which is the copy is chance"
    found = defaultdict(set)
    for f in check_photos(list_photos(folder)):
        found[f.photo.name].add(f.problem), f.other and found[f.other.name].add(f"{f.problem} of")
    for name, problems in found.items():
        if ".x" in name: problems |= {p.removesuffix(" of") for p in problems}
        problems -= {p for p in problems if p.endswith(" of")}
    return dict(found)


def by_imagehash(folder, limit):
    "The same for near duplicates, by imagehash's perceptual hash: pairs with at most `limit` different bits"
    import imagehash
    names, hashes = [], []
    for photo in list_photos(folder):
        try: img = open_photo(photo)
        except UnreadablePhoto: continue
        names.append(photo.name)
        hashes.append(np.packbits(imagehash.phash(img).hash.ravel()).view(np.uint64)[0])
    hashes, found = np.array(hashes), defaultdict(set)
    for i, h in enumerate(hashes):
        for j in np.nonzero(np.bitwise_count(hashes[i + 1:] ^ h) <= limit)[0]:
            pair = names[i], names[i + 1 + j]
            copies = [n for n in pair if ".x" in n] or [pair[1]]
            for name in copies: found[name].add("near duplicate")
    return found


def fewer(truth, clean=150, each=8):
    "A part of the near duplicates with their originals, and of the clean photos: half a second each is long"
    ways, kept = defaultdict(list), {}
    for name, what in truth.items(): ways[what].append(name)
    for what, names in ways.items():
        if what is None: kept |= dict.fromkeys(names[:clean])
        elif what != ORIGINAL and what[1] == "near duplicate":
            for name in names[:each]:
                original = ".".join(name.split(".")[i] for i in (0, 2, 3))
                kept |= {name: what, original: ORIGINAL}
    return kept


def by_crop_resistant(folder, truth, limits):
    """The same, by imagehash's hashes of the segments of a picture; for each limit what is found

    A pair has one segment in common, with at most so many of its 64 bits different. 16 is imagehash's own limit."""
    import imagehash
    names, hashes = [], []
    for photo in list_photos(folder):
        if photo.name not in truth: continue
        img = open_photo(photo)
        for segment in imagehash.crop_resistant_hash(img).segment_hashes:
            names.append(photo.name)
            hashes.append(np.packbits(segment.hash.ravel()).view(np.uint64)[0])
    hashes, found = np.array(hashes), {limit: defaultdict(set) for limit in limits}
    for i, h in enumerate(hashes):
        bits = np.bitwise_count(hashes[i + 1:] ^ h)
        for j in np.nonzero(bits <= max(limits))[0]:
            pair = names[i], names[i + 1 + j]
            if pair[0] == pair[1]: continue
            for limit in limits:
                if bits[j] > limit: continue
                for name in [n for n in pair if ".x" in n] or [pair[1]]: found[limit][name].add("near duplicate")
    return found


def by_features(folder):
    """The same for near duplicates, by what the network of the package makes of a photo

    The limit is the cosine that one photo in a hundred reaches with another one that it is no copy of."""
    from catsdogs.runs.predict import Predictor
    predictor, names, features = Predictor(fast=True), [], []
    for photo in list_photos(folder):
        try: pixels = predictor.pixels(photo)
        except UnreadablePhoto: continue
        names.append(photo.name)
        features.append(predictor.look(pixels[None])[1][0].float().numpy())
    features = np.stack(features)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    cosine, found = features @ features.T, defaultdict(set)
    np.fill_diagonal(cosine, -1)
    unspoiled = np.array([".x" not in name for name in names])
    nearest = cosine[np.ix_(unspoiled, unspoiled)].max(1)
    limit = np.quantile(nearest, .99)
    for i, j in zip(*np.nonzero(np.triu(cosine > limit)), strict=True):
        pair = names[i], names[j]
        for name in [n for n in pair if ".x" in n] or [pair[1]]: found[name].add("near duplicate")
    return found


def by_cleanvision(folder):
    "The same by cleanvision, with its own limits, on the files that can be decoded: others end it with an error"
    from cleanvision import Imagelab
    readable = folder.with_name("readable")
    for photo in list_photos(folder):
        try: open_photo(photo)
        except UnreadablePhoto: continue
        (readable/photo.label).mkdir(parents=True, exist_ok=True)
        os.link(photo.path, readable/photo.label/photo.name)
    names = dict(dark="dark", blurry="blurred", low_information="one colour", grayscale="grey",
                 near_duplicates="near duplicate", exact_duplicates="duplicate", odd_size="tiny")
    with contextlib.redirect_stdout(io.StringIO()):
        lab = Imagelab(data_path=str(readable))
        lab.find_issues(n_jobs=1)
    found = defaultdict(set)
    for kind, problem in names.items():
        column = f"is_{kind}_issue"
        if column in lab.issues:
            for path in lab.issues.index[lab.issues[column]]: found[Path(path).name].add(problem)
    return found


def tried(method, truth, *args):
    "What a method scores, and how long it takes; None if its package is not there"
    start = time.perf_counter()
    try: found = method(*args)
    except ImportError: return None
    seconds = time.perf_counter() - start
    rows, alarms = scored(found, truth)
    return dict(rows=rows, false_alarms=alarms, seconds=round(seconds, 1))


def whole_zip(zip_file):
    "train.zip itself"
    start, cpu = time.perf_counter(), time.process_time()
    photos = list_photos(zip_file)
    train, valid = split_photos(photos)
    sides = {photos[i]: "train" for i in train} | {photos[i]: "valid" for i in valid}
    found = check_photos(photos, sides)
    pairs = [
        dict(photo=f.photo.name, other=f.other.name, problem=f.problem) for f in found if f.other]
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    thumbs = np.stack(
        [e.thumb for e in map_photos(examine, photos, "measuring") if e.thumb is not None])
    alone = dict(correlation=len(similar_pairs(thumbs, bits=64)), both=len(similar_pairs(thumbs)))
    return dict(
        photos=len(photos), seconds=round(seconds, 1), cpu_seconds=round(cpu_seconds, 1),
        similar_pairs=alone, cores=os.cpu_count(),
        problems=dict(Counter(f.problem for f in found)), pairs=pairs)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--clean", type=int, default=2000)
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--spoiled", action="store_true", help="leave the numbers of the whole zip as they are")
    args = parser.parse_args()
    photos = [replace(p, split=None) for p in list_photos(args.photos/"train.zip")]
    with tempfile.TemporaryDirectory() as d:
        folder = Path(d)/"spoiled"
        truth = spoil(photos, folder, args.clean, args.each)
        result = dict(clean=sum(what is None for what in truth.values()), each=args.each)
        result["doctor"] = tried(by_doctor, truth, folder)
        for bits in (4, 8): result[f"imagehash_{bits}"] = tried(by_imagehash, truth, folder, bits)
        start, some = time.process_time(), fewer(truth)
        try: segments = by_crop_resistant(folder, some, (4, 16))
        except ImportError: segments = {}
        for bits, found in segments.items():
            rows, alarms = scored(found, some)
            rows = {way: row for way, row in rows.items() if row}
            seconds = round(time.process_time() - start, 1)
            result[f"crop_resistant_{bits}"] = dict(
                rows=rows, false_alarms=alarms, clean=sum(what is None for what in some.values()),
                cpu_seconds=seconds)
        result["features"] = tried(by_features, truth, folder)
        result["cleanvision"] = tried(by_cleanvision, truth, folder)
    assert set(result["doctor"]["false_alarms"]) <= set(PROBLEMS)
    result["train_zip"] = json.loads(RESULT.read_text())["train_zip"] if args.spoiled else whole_zip(
        args.photos/"train.zip")
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "train_zip"}, indent=1))
    print({k: v for k, v in result["train_zip"].items() if k != "pairs"})


if __name__ == "__main__":
    main()
