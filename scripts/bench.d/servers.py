"""Starts, watches and stops the servers that are compared."""

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import time
import urllib.parse
from contextlib import ExitStack, contextmanager

import fetch
import machine

NGINX_CONFIGURATION = """
daemon off;
user root;
worker_processes 2;
pid {state}/nginx.pid;
error_log {state}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=4000;
    keepalive_requests 10000000;
    client_max_body_size 0;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        dav_methods PUT;
        create_full_put_path on;
    }}
}}
"""


class Server:
    """A running server: its files are in `root`, its own state beside them in `state`."""

    def __init__(self, name, directory, port, process, root):
        self.name = name
        self.directory = directory
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.process = process
        self.root = root
        # Path under which a file's bytes are put and fetched.
        self.files = "/api/v1/files/" if name == "wharfside" else "/"

    def load(self, command, **options):
        """Runs the load generator against this server; its figures, with the CPU seconds of both sides."""
        words = [fetch.load_generator(), command, self.address]
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        user, system = machine.cpu_seconds(self.process.pid)
        client = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"load {command} against {self.name} failed")
        figures = json.loads(done.stdout)
        if figures["failed"]:
            raise RuntimeError(f"{self.name} refused {figures['failed']} of {figures['failed'] + figures['answers']} requests")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        user_after, system_after = machine.cpu_seconds(self.process.pid)
        figures["server_user"] = user_after - user
        figures["server_system"] = system_after - system
        figures["client"] = after.ru_utime + after.ru_stime - client.ru_utime - client.ru_stime
        return figures

    def get(self, target):
        """Status and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def put(self, path, content):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("PUT", self.files + urllib.parse.quote(path), content)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                raise RuntimeError(f"{path} was answered {answer.status}")
        finally:
            connection.close()

    def persistence(self):
        status, body = self.get("/api/v1/persistence")
        if status != 200:
            raise RuntimeError(f"/api/v1/persistence answered {status}")
        return json.loads(body)

    def totals(self):
        return self.persistence()["totals"]

    def settle(self, patience=1800):
        """Waits until everything stored is searchable."""
        deadline = time.monotonic() + patience
        while self.totals()["waiting"] > 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.totals()['waiting']} files were still waiting for the index after {patience} s")
            time.sleep(0.05)

    def peak_mib(self):
        return machine.resident_mib(self.process.pid, "VmHWM")

    def resident_mib(self):
        return machine.resident_mib(self.process.pid, "VmRSS")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(plan, name, directory, root, port):
    """The words that start a peer, and what its environment needs."""
    state = directory / "state"
    state.mkdir(exist_ok=True)
    port = str(port)
    if name == "wharfside":
        settings = {"STORAGE_DIR": root, "HOST": "127.0.0.1", "PORT": port, "LOG": "warn", "GIT_REV": "bench", "ACCESS": "local"}
        # As it sets it itself; releases from before that were started so.
        settings["MALLOC_ARENA_MAX"] = 2
        # No proxy holds requests back that would still be sent to it.
        settings["DRAIN_SECONDS"] = 0
        return [plan.wharfside, "serve"], settings
    if name == "miniserve":
        return [fetch.cargo_peer(name), "-u", "--temp-directory", state, "-i", "127.0.0.1", "-p", port, root], {}
    if name == "dufs":
        return [fetch.cargo_peer(name), "-b", "127.0.0.1", "-p", port, "--log-format", "", root], {}
    if name == "rustus":
        return rustus(port, root, state, "yes")
    if name == "rustus-unsynced":
        return rustus(port, root, state, "no")
    if name == "tus-server":
        return ["node", fetch.tus_server(), port, root], {}
    if name == "copyparty":
        options = ["-q", "-i", "127.0.0.1", "-p", port, "-v", f"{root}::r", "-nc", "128"]
        return [fetch.copyparty(), "-m", "copyparty", *options], {"XDG_CONFIG_HOME": state, "HOME": state}
    if name == "nginx":
        configuration = state / "nginx.conf"
        configuration.write_text(NGINX_CONFIGURATION.format(state=state, root=root, port=port))
        return [fetch.nginx(), "-p", state, "-e", state / "error.log", "-c", configuration], {}
    raise ValueError(name)


def rustus(port, root, state, force_fsync):
    folders = ["--data-dir", root, "--info-dir", state, "--force-fsync", force_fsync, "--log-level", "ERROR"]
    # It holds a whole body in memory, and takes none above 256 KiB unless told to.
    bodies = ["--max-body-size", 16 << 20]
    return [fetch.cargo_peer("rustus"), "--host", "127.0.0.1", "--port", port, *folders, *bodies], {}


def start(plan, name, directory, **settings):
    """Starts `name` on `directory` (kept from an earlier start or new), with `settings` in its environment, and waits until it answers."""
    root = directory / "files"
    root.mkdir(exist_ok=True)
    port = free_port()
    words, needed = command(plan, name, directory, root, port)
    environment = os.environ | {key: str(value) for key, value in (needed | settings).items()}
    with open(directory / "output.log", "ab") as output:
        process = subprocess.Popen(
            [str(word) for word in words], env=environment, cwd=directory, stdout=output, stderr=output, start_new_session=True
        )
    server = Server(name, directory, port, process, root)
    try:
        wait_until_ready(server)
    except BaseException:
        server.stop()
        raise
    return server


def wait_until_ready(server, patience=60):
    target = "/health/ready" if server.name == "wharfside" else "/"
    deadline = time.monotonic() + patience
    while True:
        try:
            status, _ = server.get(target)
            if server.name != "wharfside" or status == 200:
                return
        except OSError:
            pass
        if server.process.poll() is not None or time.monotonic() > deadline:
            said = (server.directory / "output.log").read_text(errors="replace")[-600:]
            raise RuntimeError(f"{server.name} did not become ready:\n{said}")
        time.sleep(0.001)


@contextmanager
def running(plan, name, directory=None):
    server = start(plan, name, directory or plan.fresh(name))
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def together(plan, names):
    """Several at once, for rows whose idle contenders cost nothing."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(plan, name)) for name in names]


def contenders(plan, *peers):
    """Who takes part, Wharfside first unless it is left out."""
    return (["wharfside"] if plan.wharfside else []) + list(peers)
