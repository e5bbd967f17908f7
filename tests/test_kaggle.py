"""Kaggle from end to end: the command, Kaggle's own client, and a server on 127.0.0.1 that stands in for Kaggle."""
import io, json, os, shutil, signal, subprocess, sys, time, zipfile

import pytest

from kaggle_server import KEY, TOKEN, USER, KaggleServer
from typing_in import type_in

pytest.importorskip("kaggle")
FIRST, REDUX = "dogs-vs-cats", "dogs-vs-cats-redux-kernels-edition"
CODE = "import sys; from catsdogs.cli import main; sys.exit(main())"

@pytest.fixture(scope="module")
def competition_zips():
    "Both competitions in small: 16 photos to train, 6 to answer for"
    from catsdogs.drawing.dataset import draw_pet
    def jpeg(species, i):
        buffer = io.BytesIO()
        draw_pet(species, i, 32).save(buffer, "JPEG")
        return buffer.getvalue()
    def make_zip(files):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as z:
            for name, data in files.items(): z.writestr(name, data)
        return buffer.getvalue()
    train = make_zip({f"train/{s}.{i}.jpg": jpeg(s, i) for s in ("cat", "dog") for i in range(8)})
    asked = {i + 1: jpeg(("cat", "dog")[i % 2], 50 + i) for i in range(6)}
    sample = "id,label\n" + "".join(f"{i},0\n" for i in asked)
    # Kaggle's client keeps a download by whole megabytes
    padding = os.urandom(4_000_000)
    def whole(test, sample_name):
        tests = make_zip({f"{test}/{i}.jpg": data for i, data in asked.items()})
        return make_zip(
            {"padding.bin": padding, "train.zip": train, f"{test}.zip": tests, sample_name: sample})
    return {
        FIRST: whole("test1", "sampleSubmission.csv"),
        REDUX: whole("test", "sample_submission.csv")}

@pytest.fixture
def server(competition_zips):
    with KaggleServer() as s:
        for name, data in competition_zips.items():
            s.files[f"/{name}.zip"], s.competitions[name] = data, f"/{name}.zip"
        s.board = [f"{.1 + i / 100:.5f}" for i in range(250)]
        yield s
        assert s.strangers == []                        # nothing asked for another machine

@pytest.fixture
def place(tmp_path, server):
    "A folder with an empty home in it, and a function that types a command there: (status, output, errors)"
    home = tmp_path/"home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAGGLE_")}
    environment |= server.environment(home) | {"CATSDOGS_CACHE": str(tmp_path/"cache")}
    def with_token(token, more):
        return environment | ({"KAGGLE_API_TOKEN": token} if token else {}) | more
    def start(*args, token=TOKEN, **more):
        return subprocess.Popen(
            [sys.executable, "-c", CODE, *map(str, args)], cwd=tmp_path,
            env=with_token(token, more), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    def typed(*args, token=TOKEN, **more):
        done = type_in(args, tmp_path, with_token(token, more))
        return done.returncode, done.stdout, done.stderr
    typed.start, typed.folder, typed.home = start, tmp_path, home
    return typed

def refused(place, *args, **kwargs):
    "The one line of a command that failed and left nothing"
    status, out, err = place("data", "kaggle", "photos", *args, **kwargs)
    assert (
        status == 2 and out == "" and err.count("\n") == 1 and err.startswith("catsdogs: error: ")
    ), (status, out, err)
    assert not (place.folder/"photos").exists() and not (place.folder/".photos.partial").exists()
    return err

@pytest.mark.parametrize("name, test", [(FIRST, "test1"), (REDUX, "test")])
def test_from_the_name_to_a_place(place, server, drawn, name, test):
    "Download, train-ready folder, answer, upload, score, place; the competition is named once"
    server.score = dict(publicScore="0.3", privateScore="0.605")
    status, out, err = place("data", "kaggle", "photos", "--competition", name)
    assert (status, err) == (0, "") and f"16 in train, 6 in {test}" in out
    assert "another edition" in out                     # 22 photos are not 37,500, and it says so
    status, out, err = place(
        "submit", drawn, "photos", "--out", "answer.csv", "--upload", "-m", "my first")
    assert status == 0, err
    rows = (place.folder/"answer.csv").read_text().split()[1:]
    labels = {r.split(",")[1] for r in rows}
    assert [r.split(",")[0] for r in rows] == ["1", "2", "3", "4", "5", "6"]
    assert (labels <= {"0", "1"}) == (name == FIRST)    # each competition its kind of answer
    assert server.uploads["/upload/blob-1"].decode().split()[1:] == rows
    assert (
        server.submissions[0]["competitionName"] == name
        and server.submissions[0]["submissionDescription"] == "my first")
    better = sum(float(s) > .605 if name == FIRST else float(s) < .605 for s in server.board)
    assert f"place {better + 1} of 250" in out and "private score 0.60500" in out

def test_a_whole_folder_is_trained_on(place):
    assert place("data", "kaggle", "photos")[0] == 0
    status, out, err = place(
        "train", "photos", "--model", "classic", "--size", "32", "--epochs", "1", "--out", "run")
    # the test photos have no class, and need none
    assert status == 0, err
    split = (place.folder/"run"/"split.csv").read_text()
    assert split.count(".jpg") == 16

def test_without_a_sign_in(place):
    assert "nobody is signed in" in refused(place, token=None)

def test_old_key_and_oauth(place):
    (place.home/".kaggle").mkdir()
    key = place.home/".kaggle"/"kaggle.json"
    key.write_text(json.dumps(dict(username=USER, key=KEY)))
    assert place("data", "kaggle", "by-key", token=None)[0] == 0
    key.write_text(json.dumps(dict(username=USER, key="wrong")))
    assert f"the key in {key} is not valid" in refused(place, token=None)
    key.write_text("{")
    assert f"does not accept the key in {key}" in refused(place, token=None)
    key.unlink()
    (place.home/".kaggle"/"credentials.json").write_text(
        json.dumps(dict(refresh_token="refresh_good", username=USER)))
    assert place("data", "kaggle", "by-oauth", token=None)[0] == 0
    assert (
        place("data", "kaggle", "by-variables", token=None, KAGGLE_USERNAME=USER, KAGGLE_KEY=KEY)[0]
        == 0)

def test_wrong_token(place):
    assert "does not accept the token in KAGGLE_API_TOKEN" in refused(place, token="KGAT_old")

def test_rules_not_accepted(place, server):
    server.rules_accepted = False
    line = refused(place)
    assert (
        "403" in line
        and f"https://www.kaggle.com/competitions/{FIRST}/data" in line
        and "settings/api" in line)
    server.refusals["DownloadDataFiles"] = (401, "Unauthenticated", {})
    line = refused(place)
    assert (
        "401" in line
        and f"https://www.kaggle.com/competitions/{FIRST}/data" in line
        and "settings/api" in line)

def test_wrong_competition(place, server):
    assert "choose dogs-vs-cats or" in refused(place, "--competition", "titanic")
    del server.competitions[FIRST]
    assert "404" in refused(place)

def test_quota(place, server):
    server.refusals["DownloadDataFiles"] = (429, "Too many requests", {"Retry-After": "90"})
    assert "try again in 90 seconds" in refused(place)

def test_no_network(place):
    nowhere = dict(HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9")
    assert "no network" in refused(place, **nowhere)
    (place.home/".kaggle").mkdir()
    (place.home/".kaggle"/"kaggle.json").write_text(json.dumps(dict(username=USER, key=KEY)))
    assert "no network" in refused(place, token=None, **nowhere)

def test_connection_that_breaks_once(place, server):
    "Kaggle's client goes on by itself"
    server.break_after[f"/{FIRST}.zip"], server.breaks[f"/{FIRST}.zip"] = 1_500_000, 1
    assert place("data", "kaggle", "photos")[0] == 0
    assert [r for path, r in server.asked if path == f"/{FIRST}.zip"] == [None, f"bytes={2**20}-"]

def test_killed_in_the_middle(place, server):
    "The part is kept; the same command goes on from it, and only then is there a folder"
    path = f"/{FIRST}.zip"
    server.break_after[path], server.breaks[path] = 1_500_000, 99
    running = place.start("data", "kaggle", "photos")
    part = place.folder/".photos.partial"/f"{FIRST}.zip"
    for _ in range(600):
        if part.exists() and part.stat().st_size >= 2**20: break
        time.sleep(.05)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert not (place.folder/"photos").exists() and part.stat().st_size >= 2**20
    server.breaks[path], server.asked[:] = 0, []
    size = part.stat().st_size
    status, out, err = place("data", "kaggle", "photos")
    assert status == 0, err
    assert f"bytes={size}-" in [r for p, r in server.asked if p == path]
    assert not (place.folder/".photos.partial").exists()

def test_connection_that_stays_broken(place, server):
    "Five tries of Kaggle's client, here without their pauses"
    path = f"/{FIRST}.zip"
    server.break_after[path], server.breaks[path] = 500, 99
    quick = "import time, sys; time.sleep = lambda s: None; " + CODE
    env = (
        {k: v for k, v in os.environ.items() if not k.startswith("KAGGLE_")}
        | server.environment(place.home)
        | {"KAGGLE_API_TOKEN": TOKEN})
    done = subprocess.run(
        [sys.executable, "-c", quick, "data", "kaggle", "photos"], cwd=place.folder, env=env,
        capture_output=True, text=True)
    assert (
        done.returncode == 2
        and "the connection to Kaggle broke: what has arrived is kept" in done.stderr), done.stderr
    assert not (place.folder/"photos").exists()

def test_a_web_page_saved_as_zip(place, server):
    server.files[f"/{FIRST}.zip"], server.types[f"/{FIRST}.zip"] = (
        b"<!doctype html><html>Sign in</html>", "text/html")
    assert "a web page" in refused(place)
    (place.folder/"train.zip").write_bytes(b"<!doctype html><html>Sign in</html>")
    assert "a web page" in refused(place, "--archive", "train.zip")

def test_half_a_folder_is_not_taken_for_whole(place, competition_zips):
    half = place.folder/"photos"
    zipfile.ZipFile(io.BytesIO(competition_zips[FIRST])).extract("train.zip", half)
    status, out, err = place("data", "kaggle", "photos")
    assert status == 2 and "perhaps half of one" in err
    shutil.rmtree(half)
    assert place("data", "kaggle", "photos")[0] == 0
    (half/"train"/"cat.3.jpg").unlink()
    status, out, err = place("data", "kaggle", "photos")
    assert status == 2 and "holds 21 of its 22 photos" in err

def test_a_whole_folder_asks_nothing(place, server):
    assert place("data", "kaggle", "photos")[0] == 0
    server.asked[:] = []
    status, out, err = place("data", "kaggle", "photos", token=None)
    assert (status, server.asked) == (0, []) and "there already" in out

def test_upload_is_refused_before_the_work(place, drawn):
    assert place("data", "kaggle", "photos")[0] == 0
    status, out, err = place(
        "submit", drawn, "photos", "--out", "answer.csv", "--upload", token=None)
    assert status == 2 and "nobody is signed in" in err and not (place.folder/"answer.csv").exists()

def test_upload_over_the_quota(place, server, drawn):
    assert place("data", "kaggle", "photos")[0] == 0
    why = "Submission not allowed: your team has used its submissions of today"
    server.refusals["CreateSubmission"] = (400, why, {})
    server.limits = dict(numToday=5, numTotal=9, numAllowedNow=0)
    status, out, err = place("submit", drawn, "photos", "--out", "answer.csv", "--upload")
    assert status == 2 and "5 submissions were made today, 0 more" in err and err.count("\n") == 1
    assert (place.folder/"answer.csv").exists()         # the answer itself is not lost
