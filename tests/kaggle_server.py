"""A server on 127.0.0.1 that speaks Kaggle's API, and breaks on demand: what stands in for Kaggle in the tests.

Kaggle's own client is used unchanged. With KAGGLE_API_ENVIRONMENT=LOCALHOST it asks http://localhost, and HTTP_PROXY
brings these questions here, whatever the port. HTTPS_PROXY leads here, too, so nothing can reach the real Kaggle: a
request for another machine is refused and kept in `strangers`.
"""
import base64, json, re, threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOKEN, USER, KEY = "KGAT_good", "ada", "0123456789abcdef"

class KaggleServer:
    "`with KaggleServer() as server:` runs it; its attributes are what the next answers depend on"

    def __init__(self):
        self.files = {}                     # path, as "/files/x.zip" → bytes
        self.types = {}                     # path → content type, for what is not an archive
        self.competitions = {}              # name → path of its zip
        self.rules_accepted = True
        # method, as "DownloadDataFiles" → (status, message, headers)
        self.refusals = {}
        # path → how many bytes each answer may have before the connection breaks
        self.break_after = {}
        self.breaks = {}                    # path → how often it breaks; then it is whole
        self.ranges = True                  # does it know how to go on in the middle of a file?
        self.pending = 1                    # how often a submission is still being scored
        self.score = dict(publicScore="0.05921", privateScore="0.06114")
        self.error = None                   # why a submission cannot be scored
        self.board = []                     # the leaderboard's scores, as text, best first
        self.limits = dict(numToday=1, numTotal=3, numAllowedNow=4)
        self.asked = []                     # (method or path, the range asked for)
        self.uploads, self.submissions, self.strangers = {}, [], []
        self.polls = defaultdict(int)

    def __enter__(self):
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.http.kaggle = self
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(
            target=self.http.serve_forever, kwargs=dict(poll_interval=0.05), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def environment(self, home, **more):
        """Environment variables for Kaggle's client.

        Everything it asks comes here, and it finds no sign-in but that in `home`.
        """
        return dict(
            KAGGLE_API_ENVIRONMENT="LOCALHOST", HTTP_PROXY=self.address, HTTPS_PROXY=self.address,
            http_proxy=self.address, https_proxy=self.address, NO_PROXY="", no_proxy="",
            HOME=str(home), USERPROFILE=str(home), XDG_CONFIG_HOME=f"{home}/.config", **more)

    # what the API answers: a dictionary, or (status, message)

    def signed_in(self, header):
        kind, _, value = (header or "").partition(" ")
        if kind == "Bearer": return value == TOKEN
        return kind == "Basic" and base64.b64decode(value).decode() == f"{USER}:{KEY}"

    def IntrospectToken(self, asked):
        return dict(
            active=asked["token"] == TOKEN, username=USER if asked["token"] == TOKEN else "")

    def GenerateAccessToken(self, asked):
        if asked["refreshToken"] != "refresh_good": return 401, "invalid refresh token"
        return dict(token=TOKEN, expiresIn=3600, userName=USER, userId=1)

    def DownloadDataFiles(self, asked):
        name = asked["competitionName"]
        if name not in self.competitions: return 404, "Not found"
        if not self.rules_accepted:
            return (
                403,
                "You must accept this competition's rules before you'll be able to download files.")
        return 302, f"http://localhost{self.competitions[name]}?signature=abc"

    def StartSubmissionUpload(self, asked):
        if asked["competitionName"] not in self.competitions: return 404, "Not found"
        if not self.rules_accepted:
            return 403, "You must accept this competition's rules before you can submit."
        return dict(token="blob-1", createUrl="http://localhost/upload/blob-1")

    def CreateSubmission(self, asked):
        self.submissions.append(asked)
        return dict(message="Successfully submitted", ref=4711)

    def GetSubmission(self, asked):
        self.polls[asked["ref"]] += 1
        if self.polls[asked["ref"]] <= self.pending: return dict(ref=asked["ref"], status="PENDING")
        if self.error: return dict(ref=asked["ref"], status="ERROR", errorDescription=self.error)
        return dict(ref=asked["ref"], status="COMPLETE", **self.score)

    def GetSubmissionLimits(self, asked): return self.limits

    def GetLeaderboard(self, asked):
        size, start = asked.get("pageSize") or 20, int(asked.get("pageToken") or 0)
        page = [
            dict(teamId=start + i, teamName=f"team {start + i}", score=s)
            for i, s in enumerate(self.board[start : start + size])]
        more = start + size < len(self.board)
        return dict(submissions=page, nextPageToken=str(start + size) if more else "")

OPEN_TO_ALL = ("IntrospectToken", "GenerateAccessToken")

class _Handler(BaseHTTPRequestHandler):
    "Answers requests as the `KaggleServer` of its server says"
    protocol_version = "HTTP/1.1"

    @property
    def kaggle(self): return self.server.kaggle

    def log_message(self, *_): pass

    def reply(self, status, body=b"", kind="application/json", **headers):
        self.send_head(status, body, kind, headers)
        self.wfile.write(body)

    def send_head(self, status, body, kind, headers):
        self.send_response(status)
        for k, v in {"Content-Type": kind, "Content-Length": len(body), **headers}.items():
            self.send_header(k.replace("_", "-"), str(v))
        self.end_headers()

    def json(self, status, value, **headers):
        self.reply(status, json.dumps(value).encode(), **headers)

    def path_here(self):
        "The path, if the request is for this machine"
        address = urlsplit(self.path)
        if address.hostname not in (None, "localhost", "127.0.0.1"):
            self.kaggle.strangers.append(self.path)
            self.reply(502)
            return None
        return address.path

    def do_CONNECT(self):
        self.kaggle.strangers.append(self.path)
        self.reply(502)

    def do_GET(self):
        path = self.path_here()
        if path is None: return
        self.kaggle.asked.append((path, self.headers.get("Range")))
        if path not in self.kaggle.files: return self.reply(404, b"not here", "text/plain")
        self.send_file(path, self.kaggle.files[path])

    def send_file(self, path, data):
        tag = f'"{len(data)}-{hash(data) & 0xffff:x}"'
        start = self.start_asked_for(tag)
        if start and start >= len(data): return self.reply(416)
        body = data[start:]
        headers = dict(ETag=tag, Last_Modified="Wed, 01 Jan 2020 00:00:00 GMT")
        if self.kaggle.ranges: headers["Accept_Ranges"] = "bytes"
        if start: headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        status, kind = 206 if start else 200, self.kaggle.types.get(path, "application/zip")
        if self.kaggle.breaks.get(path, 0) <= 0: return self.reply(status, body, kind, **headers)
        self.kaggle.breaks[path] -= 1
        self.send_head(status, body, kind, headers)
        self.wfile.write(body[:self.kaggle.break_after[path]])
        self.wfile.flush()
        self.close_connection = True

    def start_asked_for(self, tag):
        "The byte to begin at: later ones only for who has the beginning of this very file"
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same_file = self.headers.get("If-Range", tag) == tag
        return int(wanted[1]) if wanted and self.kaggle.ranges and same_file else 0

    def do_PUT(self):
        path = self.path_here()
        if path is None: return
        self.kaggle.uploads[path] = self.rfile.read(int(self.headers["Content-Length"]))
        if "PUT" in self.kaggle.refusals: return self.reply(self.kaggle.refusals["PUT"][0])
        self.json(200, {})

    def do_POST(self):
        path = self.path_here()
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if path is None: return
        method = path.rsplit("/", 1)[-1]
        self.kaggle.asked.append((method, None))
        if method in self.kaggle.refusals: return self.refuse(*self.kaggle.refusals[method])
        signed_in = self.kaggle.signed_in(self.headers.get("Authorization"))
        if not signed_in and method not in OPEN_TO_ALL:
            return self.json(401, dict(code=401, message="Unauthenticated"))
        answer = getattr(self.kaggle, method)(asked)
        if not isinstance(answer, tuple): return self.json(200, answer)
        status, text = answer
        if status == 302: return self.reply(302, Location=text)
        self.json(status, dict(code=status, message=text))

    def refuse(self, status, message, headers):
        "Refuse as Kaggle does, by JSON, or with a page of HTML"
        if isinstance(message, bytes): return self.reply(status, message, "text/html", **headers)
        self.json(status, dict(code=status, message=message), **headers)
