"""What a request through control is compared with: nginx that proxies to an nginx which answers 200
to everything, one worker process each, on free ports, in a directory of the bench's own.

How many idle connections the proxy keeps to the other decides what it can do, so there are two: it
keeps 32, as nginx's documentation shows it, or as many as there can be, for which somebody has to
have thought of it. The design's figures and aims are of the first."""
import http.client
import os
import shutil
import signal
import subprocess

from lib.wait import wait_until

CONFIG = """
{user}
worker_processes 1;
daemon off;
pid {directory}/{name}.pid;
error_log {directory}/{name}.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type application/json;
    keepalive_requests 1000000000;
{http}
}}
"""
BACK = """
    server {{
        listen 127.0.0.1:{back} backlog=4096;
        location / {{ return 200 '{{"success": true, "message": "Metric recorded on worker 2"}}'; }}
    }}
"""
FRONT = """
    upstream back {{
        server 127.0.0.1:{back};
        keepalive {keepalive};
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{front} backlog=4096;
        location / {{
            proxy_pass http://back;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
"""


class NginxPair:
    def __init__(self, directory, front, back, keepalive):
        self.directory = directory
        directory.mkdir()
        self.url = f"http://127.0.0.1:{front}/metrics"
        self._front, self._back, self._keepalive = front, back, keepalive
        self._processes = []

    def __enter__(self):
        values = {"front": self._front, "back": self._back, "keepalive": self._keepalive}
        try:
            self._start("back", BACK.format(**values))
            self._start("front", FRONT.format(**values))
            wait_until(self._answers, 10, "nginx to answer")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGQUIT)
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()

    def _start(self, name, http_part):
        path = self.directory / f"{name}.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        path.write_text(CONFIG.format(user=user, directory=self.directory, name=name, http=http_part))
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        log = open(self.directory / f"{name}.out", "wb")
        with log:
            self._processes.append(subprocess.Popen([program, "-p", str(self.directory), "-c", str(path)],
                                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _answers(self):
        for process in self._processes:
            if process.poll() is not None:
                logs = "".join(path.read_text() for path in self.directory.glob("*.out"))
                raise RuntimeError(f"nginx ended with {process.returncode}: {logs}")
        connection = http.client.HTTPConnection("127.0.0.1", self._front, timeout=5)
        try:
            connection.request("POST", "/metrics", b"{}")
            return connection.getresponse().status == 200
        finally:
            connection.close()
