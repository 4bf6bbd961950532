# SPDX-License-Identifier: Apache-2.0
"""An ordinary user, who has no privileges, and none of rkt's. The account exists only for the test: /etc/passwd, /etc/subuid and
/etc/subgid are covered in a mount namespace of each command's own."""
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from rktlib import Rkt, wait_until

USER, FIRST = 54400, 700000


class User:
    """rkt as the user; `ranges`: with subordinate ids."""

    def __init__(self, rkt, home, ranges):
        self.rkt, self.home, self.ranges = rkt, home, ranges
        self.children = []
        self.before = []  # commands of root's, in these namespaces of each command
        files = {"passwd": Path("/etc/passwd").read_text() + f"someone:x:{USER}:{USER}::{home}:/bin/sh\n",
                 "subuid": f"someone:{FIRST}:65536\n" if ranges else "", "subgid": f"someone:{FIRST}:65536\n" if ranges else ""}
        for name, text in files.items():
            (rkt.tmp / name).write_text(text)

    def argv(self, *args, unshare=("--mount",), before=()):
        cover = "; ".join([f"mount --bind {self.rkt.tmp}/{name} /etc/{name}" for name in ("passwd", "subuid", "subgid")] + [*self.before, *before])
        drop = f"exec setpriv --reuid={USER} --regid={USER} --clear-groups --inh-caps=-all --bounding-set=+all"
        return ["unshare", *unshare, "sh", "-c", f'{cover}; {drop} "$@"', "sh", *map(str, args)]

    def run(self, *args, code=None, input=None):
        p = subprocess.run(self.argv(*args), capture_output=True, text=True, env=self.env, timeout=120, cwd="/", input=input,
                           stdin=subprocess.DEVNULL if input is None else None)
        assert code is None or p.returncode == code, (args, p.returncode, p.stdout, p.stderr)
        return p

    @property
    def env(self):
        return {**self.rkt.env, "HOME": str(self.home)}

    def __call__(self, *args, **kw):
        return self.run(self.rkt.bin, f"--system-config={self.rkt.sys}", f"--local-config={self.rkt.etc}", *args, **kw)

    def start_pod(self, *args, **place):
        """`place`: of argv(), for the pod alone."""
        file = self.home / f"uuid-{len(self.children)}"
        p = subprocess.Popen(self.argv(self.rkt.bin, f"--system-config={self.rkt.sys}", f"--local-config={self.rkt.etc}", "run", f"--uuid-file-save={file}", *args, **place),
                             env=self.env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0)
        self.children.append(p)
        wait_until(lambda: p.poll() is not None or file.exists() and "pid=" in self("status", f"--uuid-file={file}").stdout, "the pod to run")
        assert p.poll() is None, p.communicate()
        return p, file.read_text()

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
            p.wait(20)
            p.stdout.close(), p.stderr.close()
        self("gc", "--grace-period=0s", "--expire-prepared=0s", code=0)


def site(keys, ranges):
    top = Path(tempfile.mkdtemp(prefix="rkt-user-"))
    os.chmod(top, 0o755)
    home = top / "home"
    home.mkdir()
    os.chown(home, USER, USER)
    return top, User(Rkt(top, keys), home, ranges)


@contextmanager
def a_user(keys, ranges):
    top, user = site(keys, ranges)
    yield user
    user.close()
    shutil.rmtree(top)


def complaints(p):
    return [line for line in p.stderr.splitlines() if not line.startswith(("image: signature verified", "  builder <"))]


def image(user, name="example.com/busybox", trusted=True, **fields):
    aci = user.rkt.aci(name, key="builder", **fields)
    os.chmod(aci.path, 0o644)
    if trusted:
        user.rkt.trust("builder", name)  # by the administrator
    return aci
