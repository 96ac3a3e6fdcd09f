"""Starts an OmenDB server on a private socket and port, for tests of clients."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class Server:
    """A server on a fresh file; `with Server(omendb) as server:`."""

    def __init__(self, omendb):
        self.omendb = omendb
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="omendb-clients-"))
        self.port = self._free_port()

    @staticmethod
    def _free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.omendb, "serve", self.folder / "db.omen", "--listen", f"127.0.0.1:{self.port}",
                 "--socket", self.folder], stdout=log, stderr=log)
        for _ in range(200):
            with socket.socket() as probe:  # a socket file may be left from a killed server
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the server did not start:\n" + (self.folder / "log").read_text())

    def stop(self, signal_number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        status = self.process.wait(timeout=60)
        # A sanitizer tells by the status that it has found something.
        if signal_number != signal.SIGKILL and status != 0:
            log = (self.folder / "log").read_text(errors="replace")
            raise RuntimeError(f"the server ended with {status}:\n{log[-20000:]}")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "tester",
                "PGDATABASE": "tester", "PGSSLMODE": "prefer", "LC_ALL": "C.UTF-8"}
