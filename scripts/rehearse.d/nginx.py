"""A real nginx with the settings that the platform gives it, in front of the containers."""

import socket
import subprocess
import time

# How long nginx tries to reach an address, unless the app's owner set something else.
CONNECT_SECONDS = 60

# Debian's nginx.conf and the site that the platform writes for an app, as far as a request can feel them.
CONFIGURATION = """
daemon off;
user root;
worker_processes auto;
pid {state}/nginx.pid;
error_log {state}/error.log;
events {{ worker_connections 768; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65;
    client_max_body_size 1m;
    client_body_temp_path {state}/body;
    proxy_temp_path {state}/proxy;
    fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi;
    scgi_temp_path {state}/scgi;
    include {state}/upstream.conf;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            gzip on;
            gzip_min_length 1100;
            gzip_comp_level 6;
            gzip_vary on;
            gzip_types text/css text/javascript text/plain application/javascript application/json;
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_buffering on;
            proxy_request_buffering on;
            proxy_connect_timeout {connect}s;
            proxy_read_timeout 60s;
            proxy_send_timeout 60s;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Request-Start $msec;
        }}
    }}
}}
"""


class Nginx:
    """Its files are in `state`, its address is `url`; it starts with the first `switch`."""

    def __init__(self, binary, state, connect_seconds):
        self.binary = binary
        self.state = state
        self.process = None
        state.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        (state / "nginx.conf").write_text(CONFIGURATION.format(state=state, port=self.port, connect=connect_seconds))

    def switch(self, addresses):
        """Sends every new connection to these containers; the old worker processes finish what they have."""
        servers = "".join(f"    server {address};\n" for address in addresses)
        (self.state / "upstream.conf").write_text(f"upstream app {{\n{servers}}}\n")
        if self.process is None:
            self.start()
        else:
            subprocess.run([*self.words(), "-s", "reload"], check=True)

    def words(self):
        return [self.binary, "-p", self.state, "-e", self.state / "error.log", "-c", self.state / "nginx.conf"]

    def start(self):
        self.process = subprocess.Popen(self.words(), start_new_session=True)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"nginx did not start: {(self.state / 'error.log').read_text()}")
                time.sleep(0.02)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


def find(checkout):
    """The nginx of this machine, or Debian's, unpacked below `target`."""
    script = "source scripts/lib/install.sh && source scripts/lib/nginx.sh && nginx_find target"
    found = subprocess.run(["bash", "-c", script], cwd=checkout, capture_output=True, text=True)
    if found.returncode != 0:
        raise FileNotFoundError(found.stderr.strip())
    return found.stdout.strip()
