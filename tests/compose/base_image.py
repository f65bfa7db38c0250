"""The base image, debian:trixie-slim: pulled, or made of Debian's packages under the same tag.

The mirror is the one that this machine's apt uses, whatever form its sources have: apt itself is
asked. It is written into the image, as is apt's proxy, so that the build inside reaches it too."""
import os
import shutil
import subprocess

TAG = "debian:trixie-slim"
RELEASE = "trixie"

# What the slim image leaves out, by the rules that it gives dpkg.
SLIM = ("/usr/share/doc", "/usr/share/info", "/usr/share/locale", "/usr/share/man")
CACHES = ("/var/cache/apt", "/var/lib/apt/lists", "/var/cache/debconf", "/var/log")


class NoBaseImage(Exception):
    pass


def apt_proxy():
    shown = subprocess.run(["apt-config", "shell", "P", "Acquire::http::Proxy"],
                           capture_output=True, text=True, check=False).stdout
    return shown.strip().removeprefix("P=").strip("'")


def debian_archives():
    command = ["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)",
               "Created-By: Packages"]
    rows = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")
    uris = [row.split("|", 1)[1] for row in rows if row.startswith("Debian|")]
    return list(dict.fromkeys(uris))


def mirror(directory):
    """The first archive of this machine's that carries the release."""
    archives = debian_archives()
    if not archives:  # apt knows an archive's label only from its last update
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
        archives = debian_archives()
    for uri in archives:
        probe = ["/usr/lib/apt/apt-helper", "download-file",
                 f"{uri.rstrip('/')}/dists/{RELEASE}/InRelease", f"{directory}/InRelease"]
        if subprocess.run(probe, capture_output=True, check=False, timeout=120).returncode == 0:
            return uri
    raise NoBaseImage(f"none of apt's archives carries {RELEASE}: {archives}")


def empty(directory):
    for name in os.listdir(directory) if os.path.isdir(directory) else []:
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def bootstrap(directory):
    root = f"{directory}/base"
    env = dict(os.environ)
    if apt_proxy():
        env["http_proxy"] = apt_proxy()
    try:
        made = subprocess.run(["debootstrap", "--variant=minbase", RELEASE, root,
                               mirror(directory)], capture_output=True, text=True, env=env,
                              timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NoBaseImage(f"debootstrap: {problem}") from None
    if made.returncode != 0:
        raise NoBaseImage(f"debootstrap ended with {made.returncode}: {made.stdout[-600:]}")
    for path in SLIM + CACHES:
        empty(root + path)
    with open(f"{root}/etc/dpkg/dpkg.cfg.d/docker", "w", encoding="utf-8") as rules:
        rules.writelines(f"path-exclude {path}/*\n" for path in SLIM)
    if apt_proxy():
        with open(f"{root}/etc/apt/apt.conf.d/01proxy", "w", encoding="utf-8") as conf:
            conf.write(f'Acquire::http::Proxy "{apt_proxy()}";\n')
    return root


def provide(engine):
    """Returns how the image came to be. Raises NoBaseImage."""
    try:
        if engine.docker("pull", TAG, check=False, timeout=180).returncode == 0:
            return "pulled"
    except subprocess.TimeoutExpired:
        pass
    root = bootstrap(engine.directory)
    tar = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
    with tar:
        imported = engine.docker("import", "--change", 'CMD ["bash"]', "-", TAG, stdin=tar.stdout,
                                 check=False)
    if imported.returncode != 0 or tar.returncode != 0:  # as in a chroot, where dockerd cannot pivot
        raise NoBaseImage(f"docker import: {imported.stderr}, tar: exit code {tar.returncode}")
    shutil.rmtree(root)
    return "made with debootstrap"
