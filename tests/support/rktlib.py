# SPDX-License-Identifier: Apache-2.0
"""What the black-box tests drive and build: rkt itself, ACIs, keys, servers."""
import gzip
import hashlib
import http.server
import io
import json
import os
import platform
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
import traceback
from dataclasses import dataclass

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RKT_BUILD", os.path.join(REPO, "build"))
TREES = [f"--tree-backend={form}" for form in os.environ.get("RKT_TREES", "").split()]  # all tests, on one form of trees
ARCH = {"x86_64": "amd64"}.get(platform.machine(), platform.machine())
BUSYBOX_TOOLS = ("sh cat echo env false grep head hostname id kill ls mkdir mount mv nc ps pwd readlink rm seq sleep sort stat sync "
                 "tail tee test touch tr true umount uname wc wget yes ip ping stty tty dd chmod chown mknod ln cp find sed awk "
                 "printf date df chroot unshare nsenter").split()


def wait_until(condition, what, seconds=20.0):
    """Polls the outside world (processes of others have no event to wait for); fails loudly."""
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        tick.wait(0.02)
    return value


# ---------------------------------------------------------------------------------------------------------------- images

def entry(name, data=None, *, mode=None, type=None, link=None, uid=0, gid=0, mtime=1_500_000_000, dev=None, xattrs=None):
    """One tar member: (TarInfo, bytes)."""
    info = tarfile.TarInfo(name)
    body = data.encode() if isinstance(data, str) else data
    info.type = type or (tarfile.SYMTYPE if link is not None else tarfile.REGTYPE if body is not None else tarfile.DIRTYPE)
    info.mode = mode if mode is not None else (0o755 if info.type == tarfile.DIRTYPE else 0o644)
    info.uid, info.gid, info.mtime = uid, gid, mtime
    if link is not None:
        info.linkname = link
    if dev is not None:
        info.devmajor, info.devminor = dev
    if xattrs:
        info.pax_headers = {"SCHILY.xattr." + k: v for k, v in xattrs.items()}
    if body is not None:
        info.size = len(body)
    return info, body


def tar_bytes(entries, fmt=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as tar:
        for info, body in entries:
            tar.addfile(info, io.BytesIO(body) if body is not None else None)
    return out.getvalue()


def compress(data, how):
    if how == "tar":
        return data
    if how == "gzip":
        return gzip.compress(data, 1, mtime=0)
    tool = {"bzip2": ["bzip2", "-c"], "xz": ["xz", "-0", "-c"], "zstd": ["zstd", "-q", "-c"]}[how]
    return subprocess.run(tool, input=data, stdout=subprocess.PIPE, check=True).stdout


def busybox_rootfs(extra=()):
    with open("/bin/busybox", "rb") as f:
        busybox = f.read()
    files = [entry("rootfs"), entry("rootfs/bin"), entry("rootfs/etc"), entry("rootfs/tmp", mode=0o1777), entry("rootfs/root", mode=0o700),
             entry("rootfs/bin/busybox", busybox, mode=0o755)]
    files += [entry("rootfs/bin/" + t, link="busybox") for t in BUSYBOX_TOOLS]
    files += [entry("rootfs/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:w:/home/worker:/bin/sh\n"),
              entry("rootfs/etc/group", "root:x:0:\nworker:x:1000:\nextra:x:2000:worker\n")]
    return files + list(extra)


def manifest(name, *, exec=None, version="1.0.0", arch=ARCH, app=True, labels=(), dependencies=None, whitelist=None, annotations=None, **app_fields):
    m = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": name,
         "labels": ([{"name": "version", "value": version}] if version else []) +
                   [{"name": "os", "value": "linux"}, {"name": "arch", "value": arch}] + list(labels)}
    if app:
        m["app"] = {"exec": exec or ["/bin/sh"], "user": "0", "group": "0",
                    "environment": [{"name": "PATH", "value": "/bin:/usr/bin"}], **app_fields}
    if dependencies is not None:
        m["dependencies"] = dependencies
    if whitelist is not None:
        m["pathWhitelist"] = whitelist
    if annotations is not None:
        m["annotations"] = annotations
    return m


@dataclass
class Aci:
    path: str
    name: str
    id: str  # sha512-<128 hex>

    @property
    def key(self):
        return self.id[:71]


def write_aci(path, image_manifest, entries, how="gzip"):
    """Writes an ACI; `entries` include their rootfs/ prefix."""
    body = json.dumps(image_manifest) if isinstance(image_manifest, dict) else image_manifest
    tar = tar_bytes([entry("manifest", body)] + list(entries))
    with open(path, "wb") as f:
        f.write(compress(tar, how))
    name = image_manifest["name"] if isinstance(image_manifest, dict) else "?"
    return Aci(str(path), name, "sha512-" + hashlib.sha512(tar).hexdigest())


# ------------------------------------------------------------------------------------------------------------------ keys

@dataclass
class Key:
    home: str
    email: str
    fingerprint: str
    public: str  # path of the armored public key

    def sign(self, path, armor=True, out=None):
        out = out or (path[:-len(".aci")] if path.endswith(".aci") else path) + ".aci.asc"
        subprocess.run(["gpg", "--batch", "--yes", "--quiet", "--local-user", self.fingerprint, *(["--armor"] if armor else []),
                        "--output", out, "--detach-sign", path], check=True, env={**os.environ, "GNUPGHOME": self.home})
        return out


def signing_key(home, name, *, algorithm="ed25519", expire="never"):
    env = {**os.environ, "GNUPGHOME": home}
    email = f"{name}@example.com"
    subprocess.run(["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", f"{name} <{email}>", algorithm, "sign", expire],
                   check=True, env=env, stderr=subprocess.DEVNULL)
    listing = subprocess.run(["gpg", "--batch", "--with-colons", "--list-keys", email], check=True, env=env, capture_output=True, text=True).stdout
    fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")).lower()
    public = os.path.join(home, name + ".pub.asc")
    with open(public, "wb") as f:
        f.write(subprocess.run(["gpg", "--batch", "--armor", "--export", email], check=True, env=env, stdout=subprocess.PIPE).stdout)
    return Key(home, email, fingerprint, public)


# ------------------------------------------------------------------------------------------------------------------- rkt

@dataclass
class Result:
    code: int
    out: str
    err: str
    raw: bytes = b""

    @property
    def complaints(self):
        """Lines of stderr that are no progress, and no warning of a check that is off."""
        return [line for line in self.err.strip().splitlines() if line and ": warning: " not in line and not line.startswith("Downloading ")]

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Rkt:
    """One installation in a directory of the test's own."""

    def __init__(self, tmp, keys):
        self.tmp, self.keys = tmp, keys
        self.bin = os.path.join(BUILD, "bin", "rkt")
        self.data, self.etc, self.sys = tmp / "data", tmp / "etc", tmp / "lib"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(tmp), "LANG": "C.UTF-8",
                    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
        self.children = []
        self.trees = TREES

    def argv(self, *args):
        return [self.bin, f"--dir={self.data}", f"--local-config={self.etc}", f"--system-config={self.sys}", *self.trees, *map(str, args)]

    def __call__(self, *args, code=None, input=None, timeout=120, env=None, cwd=None, **popen):
        """Runs to the end. `code`: the exit status it must have."""
        p = subprocess.run(self.argv(*args), input=input if isinstance(input, (bytes, type(None))) else input.encode(),
                           stdin=subprocess.DEVNULL if input is None else None, capture_output=True, timeout=timeout,
                           env={**self.env, **(env or {})}, cwd=cwd or self.tmp, **popen)
        r = Result(p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace"), p.stdout)
        assert "AddressSanitizer" not in r.err and "runtime error:" not in r.err, r
        assert code is None or r.code == code, f"rkt {' '.join(map(str, args))}: expected status {code}, got {r!r}"
        return r

    def start(self, *args, **popen):
        """Starts and returns the process; killed at the end of the test if it still runs."""
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        env = {**self.env, **popen.pop("env", {})}
        p = subprocess.Popen(self.argv(*args), env=env, cwd=self.tmp, **popen)
        self.children.append(p)
        return p

    # Images.
    def aci(self, name="example.com/busybox", *, entries=None, extra=(), how="gzip", key=None, file=None, **fields):
        """A busybox ACI on disk, signed by `key` (a name) when given."""
        path = str(self.tmp / (file or name.replace("/", "_") + ".aci"))
        aci = write_aci(path, manifest(name, **fields), busybox_rootfs(extra) if entries is None else entries, how)
        if key:
            self.keys(key).sign(path)
        return aci

    def image(self, name="example.com/busybox", **fields):
        """The same, signed, trusted and fetched: ready to run by name."""
        aci = self.aci(name, key="builder", **{"how": "tar", **fields})
        self.trust("builder", name)
        self("fetch", aci.path, code=0)
        return aci

    def trust(self, key, prefix=None):
        where = [f"--prefix={prefix}"] if prefix else ["--root"]
        return self("trust", *where, "--skip-fingerprint-review", self.keys(key).public, code=0)

    # Pods.
    def run(self, *args, net="none", **kw):
        return self("run", f"--net={net}", *args, **kw)

    def start_pod(self, *args, net="none", may_end=False, **popen):
        """A pod in the background; returns (process, uuid) once its manifest says it runs. `may_end`: its apps are short."""
        uuid_file = self.tmp / f"uuid-{len(self.children)}"
        p = self.start("run", f"--net={net}", f"--uuid-file-save={uuid_file}", *args, **popen)
        wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36 or p.poll() is not None, "the pod's UUID file")
        assert uuid_file.exists(), (p.poll(), p.stderr.read() if p.stderr else "")
        uuid = uuid_file.read_text()
        wait_until(lambda: self.status(uuid).get("pid") or p.poll() is not None, "the pod to run")
        assert may_end or p.poll() is None, (p.poll(), p.stderr.read() if p.stderr else "")
        return p, uuid

    def status(self, uuid):
        r = self("status", uuid)
        return dict(line.split("=", 1) for line in r.out.splitlines() if "=" in line)

    def pods(self):
        return json.loads(self("list", "--format=json", code=0).out) or []

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.send_signal(signal.SIGKILL)
            p.wait()
            for pipe in (p.stdout, p.stderr, p.stdin):
                if pipe:
                    pipe.close()
        if self.data.exists():
            for pod in self.pods():  # a killed pod runs until its last process has gone
                if pod["state"] == "running":
                    self("status", "--wait=30s", pod["name"], code=0)
            r = self("gc", "--grace-period=0s", "--expire-prepared=0s")
            assert r.code == 0 or "networks are not collected" in r.err, r  # a configuration that the test made wrong
            assert self.pods() == []


# ---------------------------------------------------------------------------------------------------------------- servers

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def keep_failure(failures):
    """The failure of a server's thread that is being handled, for its close() to raise. Clients that hang up are part of the tests."""
    failure = sys.exc_info()[1]
    if not isinstance(failure, (ConnectionError, ssl.SSLError, TimeoutError)):
        failures.append("".join(traceback.format_exception(failure)))


class WebServer:
    """Files below `root` over HTTP with ranges, ETag and Last-Modified; `hooks` maps a path to f(handler) -> True when it answered.
    `log` holds (method, path, headers) of every request."""

    def __init__(self, root, host="127.0.0.1", tls=None):
        os.makedirs(root, exist_ok=True)
        self.root, self.hooks, self.log, self.failures = str(root), {}, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.answer()

            def do_GET(self):
                self.answer()

            def answer(self):
                path = self.path.split("?")[0]
                outer.log.append((self.command, self.path, dict(self.headers)))
                hook = outer.hooks.get(path)
                if hook and hook(self):
                    return
                file = os.path.join(outer.root, path.lstrip("/"))
                if not os.path.isfile(file):
                    return self.reply(404, b"not found\n")
                data = open(file, "rb").read()
                etag = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'
                if self.headers.get("If-None-Match") == etag:
                    return self.reply(304, b"", {"ETag": etag})
                headers = {"ETag": etag, "Accept-Ranges": "bytes"}
                wanted = self.headers.get("Range", "")
                if wanted.startswith("bytes=") and self.headers.get("If-Range", etag) == etag:
                    start = int(wanted[6:].split("-")[0])
                    if start >= len(data):
                        return self.reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                    headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                    return self.reply(206, data[start:], headers)
                return self.reply(200, data, headers)

            def reply(self, code, body, headers=()):
                self.send_response(code)
                for k, v in dict(headers).items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                keep_failure(outer.failures)

        self.server = Server((host, 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.address = f"{host}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"{self.scheme}://{self.address}"

    def put(self, file, name=None):
        """Publishes a copy of a file (and of the .asc beside it)."""
        name = name or os.path.basename(file)
        shutil.copy(file, os.path.join(self.root, name))
        asc = file[:-len(".aci")] + ".aci.asc" if file.endswith(".aci") else ""
        if asc and os.path.exists(asc):
            shutil.copy(asc, os.path.join(self.root, name[:-len(".aci")] + ".aci.asc"))
        return f"{self.url}/{name}"

    def gets(self, path):
        return [r for r in self.log if r[0] == "GET" and r[1].split("?")[0] == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        assert not self.failures, self.failures


class Registry:
    """A real docker-registry on loopback."""

    def __init__(self, root):
        os.makedirs(root, exist_ok=True)
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.log_path = os.path.join(root, "log")
        config = os.path.join(root, "config.yml")
        with open(config, "w") as f:
            json.dump({"version": "0.1", "log": {"accesslog": {"disabled": False}, "level": "info"},
                       "storage": {"filesystem": {"rootdirectory": os.path.join(root, "data")}, "delete": {"enabled": True}},
                       "http": {"addr": self.host}}, f)
        self.log_file = open(self.log_path, "wb")
        self.process = subprocess.Popen([shutil.which("docker-registry") or "registry", "serve", config], stdout=self.log_file,
                                        stderr=subprocess.STDOUT)
        wait_until(lambda: self.answers(), "docker-registry to answer")

    def answers(self):
        assert self.process.poll() is None, open(self.log_path).read()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def push(self, source, name):
        """skopeo copy SOURCE (oci:DIR:TAG, docker-archive:…) to this registry; returns the docker:// argument for rkt."""
        subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", source, f"docker://{self.host}/{name}"],
                       check=True, stdout=subprocess.DEVNULL)
        return f"docker://{self.host}/{name}"

    def blob_gets(self):
        with open(self.log_path, errors="replace") as f:
            return [line for line in f if '"GET /v2/' in line and "/blobs/" in line]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.log_file.close()


def oci_layout(path, layers, config=None, tag="latest", how="gzip", media="application/vnd.oci.image.layer.v1.tar"):
    """Writes an OCI layout by hand: `layers` is a list of lists of tar entries. Returns its path."""
    path = str(path)
    blobs = os.path.join(path, "blobs", "sha256")
    os.makedirs(blobs, exist_ok=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as f:
            f.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    descriptors, diff_ids = [], []
    for entries in layers:
        tar = entries if isinstance(entries, bytes) else tar_bytes(entries)
        diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
        suffix = {"gzip": "+gzip", "zstd": "+zstd", "tar": ""}[how]
        descriptors.append({"mediaType": media + suffix, **put(compress(tar, how))})
    goarch = {"aarch64": "arm64", "i386": "386"}.get(ARCH, ARCH)
    image_config = {"architecture": goarch, "os": "linux", "config": config or {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    image = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
             "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **put(json.dumps(image_config).encode())},
             "layers": descriptors}
    top = {"mediaType": "application/vnd.oci.image.manifest.v1+json", **put(json.dumps(image).encode()),
           "annotations": {"org.opencontainers.image.ref.name": tag}}
    with open(os.path.join(path, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(os.path.join(path, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [top]}, f)
    return path
