"""Real database servers for tests: started in a temporary folder on the loopback address, by a user without rights."""
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from conftest import free_port

PASSWORD = "wrong-horse@battery/staple"     # with signs that an address must write in another way
QUOTED = "wrong-horse%40battery%2Fstaple"


def find_program(name):
    "A program of a server, also where Debian keeps it; None if it is not here"
    places = [str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *places]))


def unprivileged():
    "Whom a server runs as, since none runs as root: arguments for `subprocess`"
    if os.geteuid(): return {}
    import pwd
    nobody = pwd.getpwnam("nobody")
    return dict(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])


class Server:
    "A server in a folder of its own; subclasses say how it is made and begun"
    programs, driver, scheme, user = (), "", "", "ann"

    @classmethod
    def missing(cls):
        "Why it cannot be started here; empty if it can"
        programs = [name for name in cls.programs if not find_program(name)]
        if programs: return f"{', '.join(programs)}: not on this machine"
        try: __import__(cls.driver)
        except ImportError: return f"{cls.driver}: not installed, it comes with catsdogs[storage]"
        return ""

    def __init__(self):
        # short, since the path of a socket is; and a folder that others may enter
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="cd-")), free_port()
        if not os.geteuid(): os.chown(self.folder, unprivileged()["user"], unprivileged()["group"])
        self.process, self.count = None, 0
        self.make()
        self.start()

    def run(self, *command):
        done = subprocess.run(
            list(map(str, command)), cwd=self.folder, capture_output=True, text=True, **unprivileged())
        assert not done.returncode, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def url(self, database="", password=QUOTED):
        return f"{self.scheme}://{self.user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self):
        with open(self.folder/"log", "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, self.command())), cwd=self.folder, stdout=log, stderr=log, **unprivileged())
        end = time.monotonic() + 60
        while True:
            try: return self.execute("SELECT 1")
            except Exception:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError((self.folder/"log").read_text()[-3000:]) from None
                time.sleep(.2)

    def stop(self):
        "As a machine that is switched off"
        self.process.kill()
        self.process.wait()

    def execute(self, statement):
        import sqlalchemy
        from catsdogs.study.storage import _with_driver
        engine = sqlalchemy.create_engine(_with_driver(self.url(self.first)), isolation_level="AUTOCOMMIT")
        with closing(engine.raw_connection()) as connection: connection.cursor().execute(statement)
        engine.dispose()

    def new_database(self):
        "The address of an empty database"
        self.count += 1
        self.execute(f"CREATE DATABASE study{self.count}")
        return self.url(f"study{self.count}")

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgreSQL(Server):
    programs, driver, scheme, first = ("initdb", "postgres"), "psycopg", "postgresql", "postgres"

    def make(self):
        (self.folder/"password").write_text(PASSWORD)
        self.run(find_program("initdb"), "-D", self.folder/"data", "-U", self.user, "-A", "scram-sha-256",
                 "--pwfile", self.folder/"password", "-E", "UTF8", "--locale=C", "--no-sync")

    def command(self):
        return [find_program("postgres"), "-D", self.folder/"data", "-p", self.port, "-k", self.folder,
                "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]

    def stop(self):
        # killed, it would leave processes and shared memory behind
        subprocess.run(
            [find_program("pg_ctl"), "-D", str(self.folder/"data"), "-m", "immediate", "-w", "stop"],
            capture_output=True, **unprivileged())
        self.process.wait(30)


class MariaDB(Server):
    programs = ("mariadbd", "mariadb-install-db", "my_print_defaults")
    driver, scheme, first = "pymysql", "mysql", "mysql"

    def make(self):
        self.run(find_program("mariadb-install-db"), "--no-defaults", f"--datadir={self.folder/'data'}",
                 "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
        (self.folder/"first.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{self.user}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{self.user}'@'127.0.0.1';\n")

    def command(self):
        return [find_program("mariadbd"), "--no-defaults", f"--datadir={self.folder/'data'}",
                f"--port={self.port}", f"--socket={self.folder/'socket'}", "--bind-address=127.0.0.1",
                f"--pid-file={self.folder/'pid'}", f"--init-file={self.folder/'first.sql'}",
                "--skip-name-resolve"]


SERVERS = {"postgresql": PostgreSQL, "mysql": MariaDB}
