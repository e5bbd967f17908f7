"""Folders as people have them: what is read, what is left out and why, and where it is asked."""
import io
import json
import os
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from catsdogs.core import CatsDogsError
from catsdogs.data.photos import find_photos, list_photos, open_photo
from catsdogs.data.splits import DataSettings, describe_split, split_photos


def picture(number, format="JPEG"):
    "A tiny picture; another one for each number"
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def build(root, names):
    "A folder with a tiny picture under each name; a name that is no picture's holds a few bytes"
    for i, name in enumerate(names):
        file = root/name
        file.parent.mkdir(parents=True, exist_ok=True)
        is_photo = name.lower().endswith((".jpg", ".jpeg", ".png"))
        kind = "PNG" if name.endswith("png") else "JPEG"
        file.write_bytes(picture(i, kind) if is_photo else b"something else")
    return root


def packed(root, file):
    "The same as a zip"
    with zipfile.ZipFile(file, "w") as z:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            z.write(path, path.relative_to(root))
    return file


def several(*folders, n=4):
    "A few names in each folder"
    return [f"{folder}/{i}.jpg" for folder in folders for i in range(n)]


def both(*folders, n=4):
    "Cats and dogs in each folder"
    return several(*(f"{folder}/{kind}" for folder in folders for kind in ("cats", "dogs")), n=n)


def flat(folder, n=4):
    "Kaggle's names"
    return [f"{folder}{kind}.{i}.jpg" for kind in ("cat", "dog") for i in range(n)]


CATS_DOGS = {"cats", "dogs"}

# what it is: (names, classes, photos in train, valid, test or in no set, photos left out)
READ = {
    "a folder per class": (several("cats", "dogs"), CATS_DOGS, {None: 8}, 0),
    "one more folder around": (both("PetImages"), CATS_DOGS, {None: 8}, 0),
    "Kaggle's names": (flat(""), {"cat", "dog"}, {None: 8}, 0),
    "Kaggle's names in one folder": (flat("images/"), {"cat", "dog"}, {None: 8}, 0),
    "Kaggle's train.zip": (flat("train/"), {"cat", "dog"}, {"train": 8}, 0),
    "both of Kaggle's zips, side by side": (
        [*flat("train/"), *several("test1")], {"cat", "dog"}, {"train": 8, "test": 4}, 0),
    "Kaggle's other mirror": (
        [*flat("train/train/"), *several("test/test")], {"cat", "dog"}, {"train": 8, "test": 4}, 0),
    "names beside a folder for the test": (
        [*flat(""), *several("test")], {"cat", "dog"}, {None: 8, "test": 4}, 0),
    "Google's": (
        both("cats_and_dogs_filtered/train", "cats_and_dogs_filtered/validation"), CATS_DOGS,
        {"train": 8, "valid": 8}, 0),
    "Google's with plots": (
        [*both("train", "validation"), "plots/a.png", "b.png"], CATS_DOGS,
        {"train": 8, "valid": 8}, 2),
    "a Udemy course": (
        [*both("training_set", "test_set"), *several("single_prediction", n=2)], CATS_DOGS,
        {"train": 8, "test": 8}, 2),
    "Udemy's on Kaggle": (
        both("training_set/training_set", "test_set/test_set"), CATS_DOGS,
        {"train": 8, "test": 8}, 0),
    "fastai's dogscats": (
        [*both("train", "valid", "sample/train", "sample/valid"), *several("test1"),
         "models/plot.png"],
        CATS_DOGS, {"train": 8, "valid": 8, "test": 4}, 17),
    "Intel's": (
        [*both("seg_train/seg_train", "seg_test/seg_test"), *several("seg_pred/seg_pred")],
        CATS_DOGS, {"train": 8, "test": 8}, 4),
    "images inside the sets": (
        both("train/images", "val/images"), CATS_DOGS, {"train": 8, "valid": 8}, 0),
    "the sets inside the classes": (
        several("cats/train", "cats/test", "dogs/train", "dogs/test"), CATS_DOGS,
        {"train": 8, "test": 8}, 0),
    "a test that nobody has sorted": (
        [*both("train", "valid"), *several("test/unknown")], CATS_DOGS,
        {"train": 8, "valid": 8, "test": 4}, 0),
    "one folder per animal": (
        several("cats/tom", "cats/mia", "dogs/rex", "dogs/bo"), CATS_DOGS, {None: 16}, 0),
    "some animals in folders of their own": (
        [*several("cats/tom", "dogs"), "cats/9.jpg"], CATS_DOGS, {None: 9}, 0),
    "animals of one name": (
        several("cats/tom", "cats/mia", "dogs/tom", "dogs/mia"), CATS_DOGS, {None: 16}, 0),
    "a picture beside the classes": (
        [*several("cats", "dogs"), "logo.png"], CATS_DOGS, {None: 8}, 1),
    "hidden folders": (
        [*several("cats", "dogs"), "cats/.ipynb_checkpoints/0-checkpoint.jpg",
         "__MACOSX/cats/._0.jpg", ".Trash/a.jpg", "@eaDir/b.jpg", "cats/.c.jpg"],
        CATS_DOGS, {None: 8}, 0),
    "a folder with a sign": (
        [*several("cats", "dogs", "quarantine/cats"), "quarantine/.nomedia"], CATS_DOGS,
        {None: 8}, 0),
    "names with numbers": (
        [f"{kind}_{i:03}.jpg" for kind in ("cat", "dog") for i in range(4)],
        {"cat", "dog"}, {None: 8}, 0),
    "names as Windows makes them": (
        [f"pets/{kind} ({i}).jpg" for kind in ("cat", "dog") for i in range(4)],
        {"cat", "dog"}, {None: 8}, 0),
    "classes written in two ways": (
        [*several("train/Cats", "train/Dogs", "valid/cat", "valid/dog"),
         *several("test/CATS", "test/dogs")],
        {"Cats", "Dogs"}, {"train": 8, "valid": 8, "test": 8}, 0),
    "accents as macOS writes them": (
        several("train/Ka\u0308tzchen", "train/Hund", "valid/K\u00e4tzchen", "valid/Hund"),
        {"K\u00e4tzchen", "Hund"}, {"train": 8, "valid": 8}, 0),
    "French, with animals": (
        several("chats/tom", "chats/mia", "chiens/rex", "chiens/bo"), {"chats", "chiens"},
        {None: 16}, 0),
    "Russian names": (
        [f"{kind}.{i}.jpg" for kind in ("\u043a\u043e\u0442", "\u043f\u0451\u0441")
         for i in range(4)],
        {"\u043a\u043e\u0442", "\u043f\u0451\u0441"}, {None: 8}, 0),
    "German names": (
        [f"{kind}.{i}.jpg" for kind in ("K\u00e4tzchen", "Hund") for i in range(4)],
        {"K\u00e4tzchen", "Hund"}, {None: 8}, 0),
    "a logo beside the folder of all": ([*both("pets"), "logo.png"], CATS_DOGS, {None: 8}, 1),
    "masks beside the photos": (
        [*(f"images/{kind}_{i}.jpg" for kind in ("cat", "dog") for i in range(4)),
         *(f"annotations/trimaps/{kind}_{i}.png" for kind in ("cat", "dog") for i in range(4))],
        {"cat", "dog"},
        {None: 8},
        8),
    "a set inside the set": (
        [*both("train/train", "train/val"), *several("test")], CATS_DOGS,
        {"train": 8, "valid": 8, "test": 4}, 0),
    "nothing but a test": (both("test"), CATS_DOGS, {"test": 8}, 0),
    "a test in stages": (
        [*both("train"), *several("test_stg1", "test_stg2")], CATS_DOGS,
        {"train": 8, "test": 8}, 0),
    "small sets beside whole ones": (
        both("train", "valid", "train_small", "valid_small"), CATS_DOGS,
        {"train": 8, "valid": 8}, 16),
    "sets in the classes' names": (
        several("cats_train", "dogs_train", "cats_test", "dogs_test"), CATS_DOGS,
        {"train": 8, "test": 8}, 0),
    "classes with numbers, and sets": (
        several("Train class1", "Train class2", "Valid class1", "Valid class2"),
        {"class1", "class2"}, {"train": 8, "valid": 8}, 0),
    "what Windows and network drives add": (
        several("cats", "dogs", "$RECYCLE.BIN/S-1-5-21", "System Volume Information", "#recycle"), CATS_DOGS,
        {None: 8}, 0),
    "digits": (several(*map(str, range(10)), n=2), set(map(str, range(10))), {None: 20}, 0),
    "numbers among which are years": (
        several(*map(str, range(1890, 2110)), n=2), set(map(str, range(1890, 2110))),
        {None: 440}, 0),
    "classes with numbers": (
        several("c1", "class 2", "person3"), {"c1", "class 2", "person3"}, {None: 12}, 0),
    "ImageNet's": (
        several("n02085620-Chihuahua", "n02085782-pug"),
        {"n02085620-Chihuahua", "n02085782-pug"}, {None: 8}, 0),
    "a camera among things": (
        several("camera", "cup", "chair"), {"camera", "cup", "chair"}, {None: 12}, 0),
    "years inside the classes": (
        several("rex/2019", "rex/2020", "tom/2019", "tom/2020"), {"rex", "tom"}, {None: 16}, 0),
    "Kaggle's names in folders of another language": (
        [name.replace("x/", "Katzen/" if "cat" in name else "Hunde/") for name in flat("x/")],
        {"Katzen", "Hunde"}, {None: 8}, 0),
    "names of months": (several("may", "june", "julia"), {"may", "june", "julia"}, {None: 12}, 0),
    "class names of two lines": (several("ca\nts", "dogs"), {"ca\\nts", "dogs"}, {None: 8}, 0),
    "sets in the files' names": (
        [f"{part}_{kind}_{i:03}.jpg" for part in ("train", "test") for kind in ("cat", "dog") for i in range(4)],
        {"cat", "dog"}, {"train": 8, "test": 8}, 0),
    "sets behind the classes in the files' names": (
        [f"images/{kind}-{part}-{i}.jpg" for part in ("train", "val") for kind in ("cat", "dog") for i in range(4)],
        {"cat", "dog"}, {"train": 8, "valid": 8}, 0),
    "Tiny ImageNet's": (
        several("train/n1/images", "train/n2/images", "val/images", "test/images"), {"n1", "n2"},
        {"train": 8, "test": 4}, 4),
    "a class that is only validated": (
        [*both("train", "valid"), *several("valid/birds")], CATS_DOGS, {"train": 8, "valid": 8}, 4),
    "Kaggle's names to validate": ([*both("train"), *flat("val/")], CATS_DOGS, {"train": 8, "valid": 8}, 0),
    "Kaggle's names to train": (
        [*(f"train/{kind}_{i}.jpg" for kind in ("cat", "dog") for i in range(4)), *both("val")], CATS_DOGS,
        {"train": 8, "valid": 8}, 0),
    "nothing to train": (both("valid", "test", n=16), CATS_DOGS, {"valid": 32, "test": 32}, 0),
    "a logo in the folder of all": ([*both("images"), "images/logo.png", "b.png"], CATS_DOGS, {None: 8}, 2),
    "what other systems add": (
        several("cats", "dogs", "#snapshot", "@__thumb", "Network Trash Folder", "FOUND.000", "RECYCLED"), CATS_DOGS,
        {None: 8}, 0),
    "twenty classes": (
        several(*(f"c{i}" for i in range(20))),
        {f"c{i}" for i in range(20)},
        {None: 80},
        0)}
SETS = [
    "training_set test_set", "train_set test_set", "trainset valset", "train eval", "train dev",
    "train holdout", "training_data testing_data", "train_images test_images",
    "training_set validation_set", "seg_train seg_test", "train valid_set", "Train Validation",
    "TRAIN TEST", "train2017 val2017", "training validation", "train hold-out",
    "images_train images_test", "train-set val-set", "train.data test.data", "x_train x_test", "01_train 02_val",
    "TrainImages TestImages", "train_val test", "trn tst", "hold out train", "train_80 test_20",
    "Training Set  Test Set ", "ILSVRC2012_img_train ILSVRC2012_img_val", "small_train small_test",
    "train_224x224 val_224x224"]
PAIRS = {pair: pair.split() for pair in SETS} | {
    "hold out train": ["hold out", "train"], "Training Set  Test Set ": ["Training Set ", "Test Set "]}
for pair, names in PAIRS.items(): READ[f"sets called {pair}"] = (both(*names), CATS_DOGS, None, 0)


@pytest.mark.parametrize("what", READ)
@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
def test_is_read(what, as_zip, tmp_path):
    names, classes, splits, left_out = READ[what]
    source = build(tmp_path/"photos", names)
    if as_zip: source = packed(source, tmp_path/"photos.zip")
    found = find_photos(source)
    photos = found.chosen()
    assert {p.label for p in photos} - {None} == classes
    assert len(found.left_out) == left_out and len(photos) + left_out == len(found.photos)
    if splits: assert Counter(p.split for p in photos) == splits
    else: assert len({p.split for p in photos}) == 2 and None not in {p.split for p in photos}
    if what == "nothing but a test": return
    train, valid = split_photos(photos)
    assert train and valid and not set(train) & set(valid)
    assert {photos[i].label for i in train} == {photos[i].label for i in valid} == classes
    if what == "nothing to train":
        assert len(train) > len(valid)
        return
    assert {photos[i].split for i in train} <= {None, "train"}


# folders that are called like dates, sizes, cameras or parts
PILES = {
    "years": "2019|2020", "months": "January|Feb|March2020", "days": "2019-07-15 Beach|20190816",
    "German days": "15.07.2019|16.07.2019", "weekdays": "Monday|friday", "cameras": "100APPLE|101APPLE|102_PANA",
    "numbered": "IMG_0001|IMG_0002", "parts": "part1|part2", "batches": "batch_01|batch_02", "pages": "page 3|page 4",
    "parts with a name": "HAM_images_part_1|HAM_images_part_2", "sizes": "224x224|512x512",
    "versions": "originals|resized", "a camera and a phone": "camera|phone"}
PILES = {what: names.split("|") for what, names in PILES.items()}

# what it is: (names, words of the question, an answer, the classes then, photos then)
ASKED = {
    f"piles: {what}": (
        several(*names), "may be no classes. Dates, sizes or parts", "folders", set(names), 4 * len(names))
    for what, names in PILES.items()}
ASKED |= {
    "months of one year": (
        several("2019/01", "2019/02"), "01 and 02 may be no classes", "folders", {"01", "02"}, 8),
    "years with cats and dogs": (
        both("2019", "2020"), "2019 and 2020 both hold cats and dogs", "cats,dogs", CATS_DOGS, 16),
    "years of animals": (
        several("2019/tom", "2020/rex"), "--classes rex,tom or --classes 2019,2020", "rex,tom",
        {"tom", "rex"}, 8),
    "Kaggle's names by year": (
        [*flat("2019/"), *flat("2020/")], "--classes cat,dog or --classes 2019,2020", "cat,dog",
        {"cat", "dog"}, 16),
    "Kaggle's names, one each year": (
        flat("2019/")[:4] + flat("2020/")[4:], "--classes 2019,2020 or --classes names", "names",
        {"cat", "dog"}, 8),
    "Kaggle's names in two places": (
        [*flat("home/"), *flat("street/")], "home and street hold cat and dog", "cat,dog",
        {"cat", "dog"}, 16),
    "a year beside": (
        several("cats", "dogs", "2019"), "is the folder 2019 a class", "cats,dogs", CATS_DOGS, 8),
    "two places": (
        both("home", "street"), "home and street both hold cats and dogs", "cats,dogs",
        CATS_DOGS, 16),
    "two places, the other way": (
        both("home", "street"), "--classes cats,dogs or --classes home,street", "home,street",
        {"home", "street"}, 16),
    "a repository": (
        [*both("dataset"), "docs/figure.png"],
        "dataset holds the folders cats and dogs, docs holds photos", "cats,dogs", CATS_DOGS, 8),
    "trains and buses": (
        several("train", "bus"), "is the folder train a class", "train,bus", {"train", "bus"}, 8),
    "a class called test": (
        several("cats", "dogs", "test"), "is the folder test a class", "cats,dogs",
        {"cats", "dogs", None}, 12),
    "a sample beside": (
        several("cats", "dogs", "sample"), "is the folder sample a class", "cats,dogs",
        CATS_DOGS, 8),
    "a set without others": (
        [*both("train"), "plots/a.png"], "is the folder train a class", "cats,dogs", CATS_DOGS, 8),
    "a repository, deeper": (
        [*both("dataset"), "docs/img/figure.png", "docs/img/other.png"],
        "dataset holds the folders cats and dogs, docs holds photos", "cats,dogs", CATS_DOGS, 8),
    "a repository with sets": (
        [*both("pets/raw/train", "pets/raw/test"), "app/static/icon.png"],
        "--classes cats,dogs or --classes app,pets", "cats,dogs", CATS_DOGS, 16),
    "raw and processed": (
        [*both("raw"), *both("processed/train", "processed/test")],
        "processed and raw both hold cats and dogs", "cats,dogs", CATS_DOGS, 24),
    "a camera for each": (
        several("cam1/cats", "cam2/dogs"), "cam1 and cam2 hold cats and dogs",
        "cats,dogs", CATS_DOGS, 8),
    "a sample inside a set": (
        [*both("train", "valid"), *both("train/sample")], "is the folder sample a class",
        "cats,dogs", CATS_DOGS, 24),
    "one class in two spellings": (
        several("cats", "Cats", "dogs"), "cats and Cats look like one class", "cats,dogs",
        CATS_DOGS, 12),
    "a set beside things": (
        [*both("train"), *several("things")], "--classes cats,dogs or", "cats,dogs", CATS_DOGS, 8),
    "a copy of a class": (
        several("cats", "cats - Copy", "dogs"), "cats and cats - Copy look like one class",
        "cats,dogs", CATS_DOGS, 12),
    "a class copied by macOS": (
        several("cats", "cats (2)", "dogs"), "cats and cats (2) look like one class", "cats,dogs",
        CATS_DOGS, 12),
    "everything once more inside": (
        [*several("cells/ill", "cells/well"), *several("cells/cells/ill", "cells/cells/well")],
        "cells holds ill and well, as the folder that it lies in", "ill,well", {"ill", "well"}, 16),
    "cats and dogs once more inside": (
        [*both("data"), *both("data/data")], "--classes cats,dogs or", "cats,dogs", CATS_DOGS, 16),
    "another form of the photos": (
        several("cats", "cats_aug", "dogs", "dogs (resized)"),
        "are the folders cats_aug and dogs (resized) classes, or something beside cats and dogs",
        "cats,dogs", CATS_DOGS, 8),
    "what a training has left": (
        several("cats", "dogs", "assets", "wandb"), "are the folders assets and wandb classes",
        "cats,dogs", CATS_DOGS, 8),
    "results of another program": (
        several("cats", "dogs", "Results"), "is the folder Results a class", "cats,dogs",
        CATS_DOGS, 8),
    "Oxford's, as species": (
        [f"images/{b}_{i}.jpg" for b in ("Bengal", "Maine_Coon", "pug", "boxer") for i in range(3)],
        "--classes cat,dog or --classes breeds", "cat,dog", {"cat", "dog"}, 12),
    "Oxford's, as breeds": (
        [f"{b}_{i}.jpg" for b in ("Bengal", "Maine_Coon", "pug") for i in range(3)],
        "2 breeds of cats and 1 of dogs",
        "breeds",
        {"Bengal", "Maine_Coon", "pug"},
        9)}


@pytest.mark.parametrize("what", ASKED)
def test_is_asked(what, tmp_path):
    names, words, answer, classes, n = ASKED[what]
    source = build(tmp_path/"photos", names)
    with pytest.raises(CatsDogsError) as error: list_photos(source)
    said = str(error.value)
    assert words in said and str(source) in said and "\n" not in said
    # who only predicts is not asked
    assert len(list_photos(source, part="test")) == len(find_photos(source).photos)
    photos = list_photos(source, classes=answer)
    assert ({p.label for p in photos}, len(photos)) == (classes, n)
    # and now it can be split
    split_photos(photos)


def test_tables(tmp_path):
    photos = build(tmp_path/"breeds", [f"train/{i}a.jpg" for i in range(8)])
    (photos/"labels.csv").write_text(
        "id,breed\n" + "".join(f"{i}a,{('pug', 'boxer')[i % 2]}\n" for i in range(7)))
    assert Counter(p.label for p in list_photos(photos)) == {"pug": 4, "boxer": 3}
    assert list(find_photos(photos).left_out.values()) == ["without a class in the table"]
    # one class is no class
    (photos/"sampleSubmission.csv").write_text(
        "id,label\n" + "".join(f"{i}a,0\n" for i in range(8)))
    assert Counter(p.label for p in list_photos(photos))["pug"] == 4
    (photos/"other.csv").write_text(
        "id,breed\n" + "".join(f"{i}a,{('boxer', 'pug')[i % 2]}\n" for i in range(7)))
    with pytest.raises(
        CatsDogsError, match="labels.csv and other.csv give the photos different classes"):
        list_photos(photos)
    # what does not say which is the class does no harm where another table says it
    (photos/"other.csv").write_text("id,fur,age\n" + "".join(f"{i}a,long,{i}\n" for i in range(8)))
    assert Counter(p.label for p in list_photos(photos))["pug"] == 4
    (photos/"labels.csv").unlink()
    with pytest.raises(
        CatsDogsError, match="other.csv: has the columns fur, age: which is the class?"):
        list_photos(photos)


def rows(line, header="id,label", between=","):
    "A table of twenty photos; `line` makes the cells of one of them"
    lines = [header.split(","), *(line(f"{i:04}", ("cat", "dog")[i % 2], i) for i in range(20))]
    return "".join(between.join(map(str, cells)) + "\n" for cells in lines)


TABLES = {
    "semicolons": rows(lambda n, c, i: (n, c), between=";"),
    "tabs": rows(lambda n, c, i: (n, c), between="\t"),
    "UTF-16": rows(lambda n, c, i: (n, c)).encode("utf-16"),
    "a comment": "# mine\n" + rows(lambda n, c, i: (n, c)),
    "no header": rows(lambda n, c, i: (n, c)).partition("\n")[2],
    "numbers without zeros": rows(lambda n, c, i: (i, c)),
    "other suffixes": rows(lambda n, c, i: (f"{n}.JPG", c)),
    "paths": rows(lambda n, c, i: (f"/kaggle/input/pets/{n}.jpg", c)),
    "paths of Windows": rows(lambda n, c, i: (f"C:\\pets\\{n}.jpg", c)),
    "a dot before": rows(lambda n, c, i: (f"./{n}.jpg", c)),
    "one column for each class": rows(lambda n, c, i: (n, 1 - i % 2, i % 2), "id,cat,dog"),
    "bars": rows(lambda n, c, i: (n, c), between="|"),
    "class and number": rows(lambda n, c, i: (n, i % 2, c), "file,label,class_name"),
    "commas at the end": rows(lambda n, c, i: (n, c, "")),
    "an address too": rows(lambda n, c, i: (n, f"http://x/{i}", c), "file,url,label")}


@pytest.mark.parametrize("what", TABLES)
def test_forms_of_tables(what, tmp_path):
    photos, text = build(tmp_path/"pets", [f"{i:04}.jpg" for i in range(20)]), TABLES[what]
    (photos/"labels.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert [p.label for p in list_photos(photos)] == ["cat", "dog"] * 10


def test_tables_of_the_sets(tmp_path):
    "A table for each set, a column that names the set, photos without a class, and two classes for one photo"
    photos = build(tmp_path/"pets", [f"{('train', 'valid')[i > 14]}/{i:04}.jpg" for i in range(20)])
    header, *lines = rows(lambda n, c, i: (n, c)).splitlines(True)
    (photos/"train.csv").write_text(header + "".join(lines[:15]))
    (photos/"valid.csv").write_text(header + "".join(lines[15:]))
    assert Counter(p.split for p in list_photos(photos)) == {"train": 15, "valid": 5}
    (photos/"train.csv").unlink()
    (photos/"valid.csv").write_text(header + "".join(lines) + "0003,cat\n")
    with pytest.raises(CatsDogsError, match="valid.csv: gives .*0003.jpg two classes, dog and cat"):
        list_photos(photos)
    flat = build(tmp_path/"flat", [f"{i:04}.jpg" for i in range(20)])
    (flat/"pets.csv").write_text(rows(
        lambda n, c, i: (n, c if i else "", ("train", "test")[i > 13]), "filepaths,labels,data set"))
    found = find_photos(flat)
    assert Counter(p.split for p in found.chosen()) == {"train": 13, "test": 6}
    assert list(found.left_out.values()) == ["without a class in the table"]


def test_tables_beside_their_photos(tmp_path):
    "Each table speaks of the photos in its own folder, which are called alike in all"
    photos = build(tmp_path/"pets", several("train", "valid", n=6))
    for part, kinds in (("train", "cat dog"), ("valid", "dog cat")):
        kinds = kinds.split()
        (photos/part/"_classes.csv").write_text("filename, cat, dog\n" + "".join(
            f"{i}.jpg, {int(kinds[i % 2] == 'cat')}, {int(kinds[i % 2] == 'dog')}\n" for i in range(6)))
    found = {(p.split, p.name): p.label for p in list_photos(photos)}
    assert [found["train", "0.jpg"], found["valid", "0.jpg"], len(found)] == ["cat", "dog", 12]


def test_sets_without_classes(tmp_path):
    "`train_1.jpg` and `test_1.jpg` are no classes, with a table they get some"
    names = [f"{part}_{i}.jpg" for part in ("train", "test") for i in range(4)]
    photos = build(tmp_path/"pets", names)
    with pytest.raises(CatsDogsError, match="no class for 4 of"): split_photos(list_photos(photos))
    (photos/"labels.csv").write_text("file,label\n" + "".join(f"train_{i}.jpg,{'ab'[i % 2]}\n" for i in range(4)))
    assert Counter((p.label, p.split) for p in list_photos(photos)) == {
        ("a", "train"): 2, ("b", "train"): 2, (None, "test"): 4}


def test_numbers_that_are_no_classes(tmp_path):
    photos = build(tmp_path/"pets", [f"{i:04}.jpg" for i in range(20)])
    (photos/"answers.csv").write_text(rows(lambda n, c, i: (n, .9 - .8 * (i % 2)), "id,label"))
    with pytest.raises(CatsDogsError, match="answers.csv: holds 0.9 .* a table of probabilities"): list_photos(photos)


def zipped(files):
    "The bytes of a zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items(): archive.writestr(name, data)
    return buffer.getvalue()


def test_zips_within_zips(tmp_path, monkeypatch):
    "One zip in a zip is opened, also in another one; photos beside a zip are the data set; two zips are named"
    monkeypatch.setenv("CATSDOGS_CACHE", str(tmp_path/"cache"))
    flat = {f"{kind}.{i}.jpg": picture(i) for kind in ("cat", "dog") for i in range(4)}
    folders = {f"{name[:3]}s/{name}": data for name, data in flat.items()}
    kaggle = zipped({"train.zip": zipped(flat), "test1.zip": zipped({"1.jpg": picture(1)})})
    read = {
        "one": {"PetImages.zip": zipped(folders)},
        "Kaggle's in another": {"download.zip": kaggle},
        "sets": {"training_set.zip": zipped(folders), "test_set.zip": zipped(folders)},
        "photos beside it": folders | {"extra.zip": zipped(flat), "train.zip": zipped({})},
        "dots": {f"./{name}": data for name, data in folders.items()},
        "Windows": {name.replace("/", "\\"): data for name, data in folders.items()}}
    for name, files in read.items():
        (tmp_path/f"{name}.zip").write_bytes(zipped(files))
        photos = list_photos(tmp_path/f"{name}.zip")
        assert len({p.label for p in photos}) == 2, name
        assert {p.folder for p in photos} <= {"cats", "dogs", ""} and {p.name for p in photos} <= set(flat), name
    assert "extra.zip" in find_photos(tmp_path/"photos beside it.zip").others_in_words()
    refused = {
        "holds cats.zip, dogs.zip, but no train.zip; unpack": {"cats.zip": zipped(flat), "dogs.zip": zipped(flat)},
        "a.zip:train.zip: not a usable zip": {"train.zip": b"no zip"},
        "holds no photos": {"train.zip": zipped({})}}
    for words, files in refused.items():
        (tmp_path/"a.zip").write_bytes(zipped(files))
        with pytest.raises(CatsDogsError, match=words): list_photos(tmp_path/"a.zip")
    deep = zipped(folders)
    for _ in range(5): deep = zipped({"a.zip": deep})
    (tmp_path/"a.zip").write_bytes(deep)
    with pytest.raises(CatsDogsError, match="zips within zips within zips"): list_photos(tmp_path/"a.zip")
    folder = tmp_path/"downloads"
    folder.mkdir()
    for name in ("test1.zip", "train.zip"): (folder/name).write_bytes(zipped(flat))
    with pytest.raises(CatsDogsError, match="to use a zip, give its own name, as .*train.zip"):
        list_photos(folder)


def test_no_class_has_advice(tmp_path):
    for names in (["IMG_1.jpg", "IMG_2.jpg", "DSC_3.jpg", "DSC_4.jpg"], ["a.jpg", "b.jpg"]):
        photos = list_photos(build(tmp_path/names[0], names))
        with pytest.raises(
            CatsDogsError, match="no class for .* a folder per class, names like cat.0.jpg"):
            split_photos(photos)


def test_links(tmp_path):
    "Linked classes are there, each once; a circle ends; a link that leads nowhere is listed and named"
    far = build(tmp_path/"far", several("cats", "dogs"))
    near = build(tmp_path/"near", several("birds"))
    for name in ("cats", "dogs"): (near/name).symlink_to(far/name)
    (near/"again").symlink_to(near/"birds")
    (near/"birds"/"round").symlink_to(near)
    (near/"birds"/"gone.jpg").symlink_to(tmp_path/"nowhere.jpg")
    (near/"birds"/"itself.jpg").symlink_to(near/"birds"/"itself.jpg")
    photos = list_photos(near)
    assert Counter(p.label for p in photos) == {"birds": 6, "cats": 4, "dogs": 4}
    for name in ("gone.jpg", "itself.jpg"):
        with pytest.raises(CatsDogsError, match=f"{name}: cannot be read"):
            open_photo(next(p for p in photos if p.name == name))
        with pytest.raises(CatsDogsError, match="a link that leads nowhere"): list_photos(near/"birds"/name)


def test_pipes_are_left_alone(tmp_path):
    build(tmp_path, several("cats", "dogs"))
    os.mkfifo(tmp_path/"cats"/"pipe.jpg")
    assert len(list_photos(tmp_path)) == 8
    with pytest.raises(CatsDogsError, match="neither a folder, nor a zip, nor a photo"):
        list_photos(tmp_path/"cats"/"pipe.jpg")
    with pytest.raises(CatsDogsError, match="a pipe or a device"):
        open_photo(tmp_path/"cats"/"pipe.jpg")


def test_files_that_are_not_looked_at(tmp_path):
    build(tmp_path,
          [*several("cats", "dogs"), "cats/a.mp4", "cats/b.MP4", "dogs/photo", "dogs/c.jpg?w=200",
           "notes.txt", "labels.json"])
    words = find_photos(tmp_path).others_in_words()
    assert words.startswith("4 files were not looked at: 2 .mp4 (cats/a.mp4, …)")
    assert "1 without a suffix (dogs/photo)" in words and "c.jpg?w=200" in words
    assert "notes" not in words
    with pytest.raises(CatsDogsError, match="holds no photos.*2 files were not looked at: 2 .mp4"):
        list_photos(build(tmp_path/"films", ["a.mp4", "b.mp4"]))


@pytest.mark.parametrize("suffix, format",
                         [("jfif", "JPEG"), ("jpe", "JPEG"), ("JPG", "JPEG"), ("pjpeg", "JPEG"), ("mpo", "JPEG"),
                          ("avif", "AVIF"), ("webp", "WEBP"),
                          ("tif", "TIFF")])
def test_suffixes(suffix, format, tmp_path):
    if format == "AVIF" and not features.check("avif"): pytest.skip("this Pillow reads no AVIF")
    (tmp_path/f"a.{suffix}").write_bytes(picture(1, format))
    assert [open_photo(p).size for p in list_photos(tmp_path)] == [(8, 8)]


def test_heic(tmp_path):
    "HEIC is read where pillow-heif is there; without it the message says so"
    try: import pillow_heif
    except ImportError:
        (tmp_path/"a.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
        with pytest.raises(
            CatsDogsError, match="a HEIC picture: install pillow-heif, or save it as JPEG"):
            open_photo(tmp_path/"a.jpg")
        (tmp_path/"b.heic").write_bytes(b"x")
        assert find_photos(tmp_path).others == {".heic": ["b.heic"]}
        assert "pillow-heif would read" in find_photos(tmp_path).others_in_words()
        with pytest.raises(CatsDogsError, match="b.heic: a HEIC picture: install"):
            list_photos(tmp_path/"b.heic")
        return
    pillow_heif.register_heif_opener()
    Image.new("RGB", (64, 64), "red").save(tmp_path/"a.heic")
    assert [open_photo(p).size for p in list_photos(tmp_path)] == [(64, 64)]


def test_one_line_says_what_was_understood(tmp_path):
    found = find_photos(
        build(tmp_path, [*both("training_set", "test_set", n=10), "single_prediction/a.jpg"]))
    photos = found.chosen()
    train, valid = ([photos[i] for i in side] for side in split_photos(photos))
    line = describe_split(found.photos, train, valid, found.left_out)
    assert line == (
        f"cats 20, dogs 20; {len(train)} to train, {len(valid)} to validate, 20 to test; "
        "left out: 1 beside the folders test_set, training_set (as single_prediction/a.jpg)")
    assert len(train) + len(valid) == 20 and "\n" not in line


def test_same_names_in_many_folders():
    "Few names, many photos: the names alone would put whole names on one side"
    from catsdogs.data.photos import Photo
    numbers = [(c, a, i) for c in ("cat", "dog") for a in range(9) for i in range(20)]
    photos = [Photo(Path(f"{c}/{a}/{i}.jpg"), label=c, size=1000 * a + i) for c, a, i in numbers]
    valid = [photos[i] for i in split_photos(photos)[1]]
    assert .1 < len(valid) / len(photos) < .3
    assert {p.name for p in valid} & {photos[i].name for i in split_photos(photos)[0]}


def test_training_tells_and_answers(tmp_path, catsdogs):
    "A question ends the command before anything is made, its answer is kept, the first line is what was understood"
    source = build(tmp_path/"photos", [*both("home", "street", n=15), "readme.mp4"])
    small = ("--model", "classic", "--size", "32", "--epochs", "1", "--augment", "none")
    done = catsdogs("train", source, *small, "--out", tmp_path/"no")
    assert done.returncode == 2 and "both hold cats and dogs" in done.stderr
    assert not (tmp_path/"no").exists()
    done = catsdogs("train", source, *small, "--out", tmp_path/"run", "--classes", "cats,dogs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cats 30, dogs 30; ")
    assert "1 file was not looked at: 1 .mp4 (readme.mp4)" in done.stdout
    # its own photos: read by the answer that the run has kept
    again = catsdogs("evaluate", tmp_path/"run", "--json")
    assert again.returncode == 0, again.stderr
    info = json.loads((tmp_path/"run"/"run.json").read_text())
    assert json.loads(again.stdout)["n"] == info["data"]["valid"]


def test_names_of_any_bytes(tmp_path, catsdogs):
    "Names that are no UTF-8, and names that would mean something to a terminal, a page or a formula"
    source = build(tmp_path/os.fsdecode(b"photos\xe9"), several("cats", "dogs", n=12))
    odd = [
        b"caf\xe9.jpg", b"\x1b[31mred.jpg", "кот $\\frac$ <b>.jpg".encode(), "喵,\"quoted\".jpg".encode(),
        b"two\nlines.jpg"]
    for i, name in enumerate(odd):
        with open(os.path.join(os.fsencode(source), b"cats", name), "wb") as f:
            f.write(picture(100 + i) if i else b"")
    done = catsdogs(
        "train", source, "--model", "classic", "--size", "32", "--epochs", "1", "--augment", "none",
        "--out", tmp_path/"run")
    assert done.returncode == 0, done.stderr
    assert "cats 16, dogs 12" in done.stdout
    assert "left out: 1 cannot be read (as cats/caf\\udce9.jpg)" in done.stdout
    for command in (
        ("evaluate", tmp_path/"run", source),
        ("check", source),
        ("predict", source, "--run", tmp_path/"run")):
        done = catsdogs(*command)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
        assert "\x1b" not in done.stdout + done.stderr


NAMES = """
import json, sys
from catsdogs.data.photos import list_photos
print(json.dumps(sorted([p.name, p.folder, p.label] for p in list_photos(sys.argv[1]))))
"""


def test_names_are_the_same_everywhere(tmp_path):
    "Whatever Python takes the names for, and however macOS or an archive has composed them"
    names = ["K\u00e4tzchen/\u00e9.jpg", "H\u00fcnde/\u00f6.jpg"]
    build(tmp_path/"composed", names)
    build(tmp_path/"apart", [unicodedata.normalize("NFD", name) for name in names])
    told = []
    for source, mode in (("composed", "1"), ("composed", "0"), ("apart", "1"), ("apart", "0")):
        environment = {**os.environ, "PYTHONUTF8": mode, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", NAMES, tmp_path/source], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
    kinds = [name.partition("/") for name in names]
    assert told == [sorted([name, kind, kind] for kind, _, name in kinds)] * 4, told


def test_terminal_without_unicode(tmp_path):
    build(tmp_path, ["кот/1.jpg", "кот/2.jpg"])
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "catsdogs", "check", str(tmp_path)], capture_output=True,
        env=environment)
    assert done.returncode in (0, 1) and b"Traceback" not in done.stderr, done.stderr
    assert b"2 photos" in done.stdout


def test_settings_keep_the_answer():
    assert DataSettings(classes="cats,dogs").classes == "cats,dogs"
    assert DataSettings().classes is None


def test_imbalanced_classes(tmp_path, catsdogs):
    "Weights of the classes, balanced accuracy and recalls, in words, in JSON and in the report"
    names = [f"{kind}/{i}.jpg" for kind, n in (("cats", 40), ("dogs", 12), ("birds", 12)) for i in range(n)]
    source = build(tmp_path/"photos", names)
    small = ("--model", "classic", "--size", "32", "--epochs", "1", "--augment", "none")
    done = catsdogs("train", source, *small, "--class-weights", "--out", tmp_path/"run")
    assert done.returncode == 0, done.stderr
    assert "balanced accuracy" in done.stdout and "each class counts the same" in done.stdout
    info = json.loads((tmp_path/"run"/"run.json").read_text())
    assert info["recipe"]["class_weights"] is True
    report = (tmp_path/"run"/"report.html").read_text()
    assert "balanced accuracy" in report and (tmp_path/"run"/"figures"/"classes.png").exists()
    scores = json.loads(catsdogs("evaluate", tmp_path/"run", "--json").stdout)
    recalls = [row[i] / sum(row) for i, row in enumerate(scores["confusion"])]
    assert list(scores["recalls"].values()) == recalls
    assert scores["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_messages_say_what_to_do(tmp_path, catsdogs):
    "Faults that once came as an errno, as half an address, or with the name of another file"
    source = build(tmp_path/"photos", several("cats", "dogs"))
    (source/"cats"/"gone.jpg").symlink_to(tmp_path/"nowhere.jpg")
    assert "a link that leads nowhere" in catsdogs("check", source).stdout
    several_paths = catsdogs("predict", source/"cats"/"0.jpg", "https://example.com/cat.jpg").stderr
    assert "https://example.com/cat.jpg: photos are read from files" in several_paths
    (tmp_path/"run").mkdir()
    (tmp_path/"run"/"run.json").write_text("{}")
    for paths in ([tmp_path/"run"], [tmp_path/"run", source/"cats"/"0.jpg"]):
        done = catsdogs("predict", *paths)
        assert f"write --run {tmp_path/'run'}" in done.stderr and done.returncode == 2
    assert "--sample" in catsdogs("submit", source, "--sample", source, "--out", tmp_path/"a.csv").stderr
    assert "submission.csv" in catsdogs("submit", source, "--out", tmp_path).stderr
