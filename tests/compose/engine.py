"""A Docker engine of the test's own: its own socket, its own data, and its own pid to stop it by.

It runs in two ways, never at once, on the same images:
  build  in the machine's network, for the packages that an image is built from; without a bridge
         and without a firewall rule, so that the machine's own engine, if any, is not disturbed;
  run    in a network namespace of its own, where ports 8080-8083 are always free and bridges and
         firewall rules touch nobody.
"""
import json
import os
import shutil
import subprocess
import time


class EngineFailed(Exception):
    pass


def docker_command():
    """Debian's client where there is one: it is as old as the engine that comes with it."""
    for candidate in ("/usr/bin/docker", shutil.which("docker")):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise EngineFailed("no docker client")


def compose_command():
    if shutil.which("docker-compose"):
        return [shutil.which("docker-compose")]
    return [docker_command(), "compose"]


def mounts_under(directory):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        points = [line.split()[1] for line in mounts]
    return [point for point in points if point.startswith(directory + "/")]


class Engine:
    """@directory is short, for the path of a socket, and new; it is removed by remove()."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = f"{directory}/docker.sock"
        self.log_path = f"{directory}/dockerd.log"
        self.process = None
        self.in_namespace = False
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(("DOCKER_", "COMPOSE_"))}
        self.env.update(DOCKER_HOST=f"unix://{self.socket}", DOCKER_BUILDKIT="0",
                        DOCKER_CONFIG=directory, COMPOSE_PROJECT_NAME="raftmetrics-test")

    def start(self, own_network):
        dockerd = ["dockerd", "--host", f"unix://{self.socket}",
                   "--data-root", f"{self.directory}/data", "--exec-root", f"{self.directory}/exec",
                   "--pidfile", f"{self.directory}/dockerd.pid", "--log-level", "warn"]
        if own_network:
            dockerd = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                       *dockerd]
        else:
            dockerd += ["--bridge=none", "--iptables=false", "--ip-forward=false",
                        "--ip-masq=false"]
        # With the signal the engine ends even if the test is killed.
        command = ["setpriv", "--pdeathsig", "TERM", *dockerd]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.env, start_new_session=True)
        self.in_namespace = own_network
        self.wait_for(lambda: self.docker("version", check=False).returncode == 0, 60,
                      "the engine's answer", alive=True)

    def stop(self):
        """The process that start() made is the engine itself: each step before it was an exec."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise EngineFailed("dockerd did not stop within 60 s of SIGTERM") from None
        finally:
            self.process = None

    def remove(self):
        self.stop()
        for point in sorted(mounts_under(self.directory), reverse=True):
            subprocess.run(["umount", point], check=True)
        # A mount that was still there would have its content removed with the rest.
        if not mounts_under(self.directory):
            shutil.rmtree(self.directory)

    def log_tail(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-8:])

    def wait_for(self, condition, seconds, what, alive=False):
        deadline = time.monotonic() + seconds
        while not condition():
            if alive and self.process.poll() is not None:
                raise EngineFailed(f"dockerd ended while waiting for {what}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise EngineFailed(f"waited {seconds} s for {what}:\n{self.log_tail()}")
            time.sleep(0.2)

    def run(self, command, check=True, timeout=120, **options):
        result = subprocess.run(command, env=self.env, capture_output=True, text=True,
                                timeout=timeout, stdin=options.pop("stdin", subprocess.DEVNULL),
                                **options)
        if check and result.returncode != 0:
            raise EngineFailed(f"{' '.join(command)} ended with {result.returncode}:\n"
                               f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}")
        return result

    def docker(self, *args, **options):
        return self.run([docker_command(), *args], **options)

    def compose(self, *args, **options):
        return self.run([*compose_command(), *args], **options)

    def inspect(self, kind, name):
        return json.loads(self.docker(kind, "inspect", name).stdout)[0]

    def shell(self, command, **options):
        """Runs a shell command where the published ports are."""
        enter = ["nsenter", "--target", str(self.process.pid), "--net"] if self.in_namespace else []
        return self.run([*enter, "sh", "-c", command], **options)
