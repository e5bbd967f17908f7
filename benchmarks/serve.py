"""`catsdogs serve` under load: photos a second beside a folder's rate, how long visitors wait, and
what a long time with bad visitors leaves behind.

Usage: python benchmarks/serve.py PHOTOS [--visitors 64] [--photos 2000] [--rounds 3]
                                         [--soak SECONDS] [--out FILE]

PHOTOS is the folder that holds Kaggle's train.zip. The server, the visitors and the folder's rate
use the same cores, one after the other in each round: the visitors' own work counts against the
server. The folder's rate is that of `predict_photos`. --soak adds visitors who send broken photos,
who hang up in the middle, and who send slowly, and counts what the server has left open. Writes
results/serve.json.
"""
import argparse, asyncio, json, os, random, signal, statistics, subprocess, sys, time
from pathlib import Path

import numpy as np

from catsdogs.data.photos import list_photos
from catsdogs.runs.predict import Predictor, predict_photos

RESULTS = Path(__file__).parent/"results"

class Visitor:
    "One connection that stays open, as programs keep it"
    def __init__(self, port):
        self.port, self.writer = port, None

    async def post(self, body):
        "The status of the answer to a photo"
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await self.reader.readexactly(length)
        return int(answer.split()[1])

    async def leave(self):
        "Hang up"
        if self.writer is None: return
        self.writer.close()
        self.writer = None

async def visit(port, photos, visitors):
    "Seconds that each photo waited, and the seconds of all together"
    left, waits = iter(photos), []
    async def one():
        visitor = Visitor(port)
        for body in left:
            start = time.perf_counter()
            assert await visitor.post(body) == 200
            waits.append(time.perf_counter() - start)
        await visitor.leave()
    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(visitors)))
    return waits, time.perf_counter() - start

def start_server():
    "A server and its port"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "catsdogs", "serve", "--port", "0"],
        stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline().partition("/predict")[0].rpartition(":")[2])

def opened(process):
    "Files and connections that a process holds open, its threads, and its memory in megabytes"
    status = Path(f"/proc/{process.pid}/status").read_text()
    def field(name): return int(status.partition(f"{name}:")[2].split()[0])
    return {
        "open": len(os.listdir(f"/proc/{process.pid}/fd")), "threads": field("Threads"),
        "megabytes": field("VmRSS") // 1024}

def load(photos, visitors, rounds):
    "Rates of the folder and of the server in turn, and the visitors' waits"
    bodies = [photo.read() for photo in photos]
    predictor = Predictor(fast=True)
    folder, served, waits = [], [], []
    process, port = start_server()
    try:
        asyncio.run(visit(port, bodies[:200], visitors))            # the first ones warm it up
        for _ in range(rounds):
            start = time.perf_counter()
            for _ in predict_photos(predictor, photos): pass
            folder.append(len(photos) / (time.perf_counter() - start))
            some, seconds = asyncio.run(visit(port, bodies, visitors))
            served.append(len(photos) / seconds)
            waits += some
    finally: end(process)
    ratios = [s / f for s, f in zip(served, folder, strict=True)]
    return {
        "photos": len(photos), "visitors": visitors, "rounds": rounds,
        "folder_photos_a_second": [round(rate) for rate in folder],
        "served_photos_a_second": [round(rate) for rate in served],
        "served_to_folder": round(statistics.median(ratios), 2),
        "milliseconds": {
            name: round(float(np.percentile(waits, share)) * 1e3)
            for name, share in (("median", 50), ("p99", 99), ("longest", 100))}}

async def misbehave(port, photos, until, counts):
    "A visitor who does one thing wrong after the other"
    dice = random.Random(len(counts))
    async def broken(visitor):
        body = dice.choice(photos)
        status = await visitor.post(body[:dice.randrange(1, len(body) // 2)])
        assert status in (200, 400), status
    async def hangs_up(visitor):
        await visitor.leave()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\nxx")
        await writer.drain()
        writer.close()
    async def is_slow(visitor):
        await visitor.leave()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n")
        try:
            for _ in range(20):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(.2)
        finally: writer.close()
    async def is_good(visitor): assert await visitor.post(dice.choice(photos)) == 200
    visitor = Visitor(port)
    while time.monotonic() < until:
        deed = dice.choice((broken, hangs_up, is_slow, is_good, is_good, is_good))
        await deed(visitor)
        counts[deed.__name__] = counts.get(deed.__name__, 0) + 1
        await asyncio.sleep(.05)
    await visitor.leave()

async def soak(photos, seconds, visitors=16):
    "What the server holds before and after many good and bad requests"
    bodies = [photo.read() for photo in photos[:200]]
    process, port = start_server()
    try:
        await visit(port, bodies, visitors)
        await asyncio.sleep(1)
        before, counts = opened(process), {}
        until = time.monotonic() + seconds
        await asyncio.gather(*(misbehave(port, bodies, until, counts) for _ in range(visitors)))
        await asyncio.sleep(15)             # until the last connection has been given up
        after = opened(process)
        waits, _ = await visit(port, bodies, visitors)
        assert process.poll() is None and len(waits) == len(bodies)
    finally: end(process)
    return {"seconds": seconds, "requests": counts, "before": before, "after": after}

def end(process):
    "Stop a server, and see that it ends as it should"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0

def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--photos", type=int, default=2000, dest="n")
    parser.add_argument("--visitors", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=RESULTS/"serve.json")
    return parser.parse_args()

def main():
    args = arguments()
    every = list_photos(args.photos/"train.zip")
    photos = every[::max(1, len(every) // args.n)][:args.n]
    found = {"cores": os.cpu_count(), "load": load(photos, args.visitors, args.rounds)}
    if args.soak: found["soak"] = asyncio.run(soak(photos, args.soak))
    print(json.dumps(found, indent=1))
    args.out.write_text(json.dumps(found, indent=1) + "\n")

if __name__ == "__main__": main()
