"""The command `catsdogs serve` as a program of its own: its answers, its refusals, its end."""
import json, signal, socket, subprocess, sys, time, urllib.error, urllib.request
from pathlib import Path

import pytest
import skimage

PHOTO = (Path(skimage.__file__).parent/"data"/"chelsea.png").read_bytes()

def start(*options):
    "A server on a free port: its process and its address"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "catsdogs", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stdout.readline()
    assert first.startswith("http://127.0.0.1:"), process.stderr.read()
    return process, first.partition("/predict")[0]

@pytest.fixture(scope="module")
def server():
    "One server for the tests that do not end it"
    process, address = start()
    yield process, address
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143

def post(address, body, path="/predict"):
    "Status and JSON of an answer"
    try:
        with urllib.request.urlopen(urllib.request.Request(address + path, body), timeout=30) as a:
            return a.status, json.load(a)
    except urllib.error.HTTPError as e: return e.code, json.load(e)

def connect(address):
    "A bare connection"
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)

def test_answer_is_that_of_predict(server, catsdogs, tmp_path):
    (tmp_path/"cat.png").write_bytes(PHOTO)
    status, answer = post(server[1], PHOTO)
    told = json.loads(catsdogs("predict", tmp_path/"cat.png", "--json").stdout)
    assert (status, answer["label"], answer["neither"]) == (200, told["label"], told["neither"])
    assert answer["probabilities"] == pytest.approx(told["probabilities"], abs=1e-3)

@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="not Linux")
def test_nobody_else_can_reach_it(server):
    port = int(server[1].rpartition(":")[2])
    with open("/proc/net/tcp") as table:
        listening = [l.split()[1] for l in table if f":{port:04X} 00000000:0000 0A" in l]
    assert listening == [f"0100007F:{port:04X}"]

def test_visitors_who_leave_or_write_nonsense_do_no_harm(server):
    process, address = server
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    for request in (head, head + PHOTO[:500], b"\x16\x03\x01nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        for _ in range(5):
            with connect(address) as visitor: visitor.sendall(request)
    assert process.poll() is None
    assert post(address, PHOTO)[0] == 200

def test_a_long_answer_is_refused_before_it_is_sent(server):
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n"
    with connect(server[1]) as visitor:
        visitor.sendall(head)
        assert visitor.recv(1000).startswith(b"HTTP/1.1 413 ")

def test_ctrl_c_ends_it_tidily():
    process, address = start()
    assert post(address, PHOTO)[0] == 200
    with connect(address) as visitor:       # somebody who stays on the line keeps nobody waiting
        visitor.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        visitor.recv(1000)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")
    assert time.monotonic() - began < 15

def test_a_port_that_is_taken(server, catsdogs):
    port = server[1].rpartition(":")[2]
    done = catsdogs("serve", "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {port}" in done.stderr and "choose another --port" in done.stderr
