# SPDX-License-Identifier: Apache-2.0
"""The group rkt: its members fetch and list without root. The group exists only for the test: /etc/group is covered in a mount
namespace of each command's own."""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from rktlib import Rkt, WebServer

GROUP, MEMBER, OTHER = 54999, 54321, 54322


class Site:
    def __init__(self, rkt, top):
        self.rkt, self.group_file = rkt, top / "group"
        self.group_file.write_text(Path("/etc/group").read_text() + f"rkt:x:{GROUP}:\n")

    def __call__(self, *args, uid=0, groups=(), code=None, env=None, umask="022"):
        drop = f"setpriv --reuid={uid} --regid={uid} {'--groups=' + ','.join(map(str, groups)) if groups else '--clear-groups'} " if uid else ""
        script = f'umask {umask} && mount --bind {self.group_file} /etc/group && exec {drop}"$@"'
        p = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *self.rkt.argv(*args)], capture_output=True, text=True,
                           env={**self.rkt.env, **(env or {})}, timeout=120, cwd="/")
        assert code is None or p.returncode == code, (args, p.returncode, p.stdout, p.stderr)
        return p

    def member(self, *args, **kw):
        return self(*args, uid=MEMBER, groups=(GROUP,), **kw)


@pytest.fixture
def site(keys):
    top = Path(tempfile.mkdtemp(prefix="rkt-group-"))
    os.chmod(top, 0o755)
    rkt = Rkt(top, keys)
    yield Site(rkt, top)
    rkt.close()
    shutil.rmtree(top)


@pytest.fixture
def served(site):
    server = WebServer(site.rkt.tmp / "www")
    aci = site.rkt.aci(key="builder", exec=["/bin/sh", "-c", "stat -c '%a %u %g' /; id -u"])
    aci.url = server.put(aci.path, "x.aci")
    site("image", "list", code=0)  # makes the data directory
    site("trust", f"--prefix={aci.name}", "--skip-fingerprint-review", site.rkt.keys("builder").public, code=0)
    yield aci
    server.close()


def mode(path):
    st = os.stat(path)
    return oct(st.st_mode & 0o7777), st.st_uid, st.st_gid


def test_directories_belong_to_the_group(site):
    site("image", "list", code=0)
    site("list", code=0)
    data = site.rkt.data
    assert mode(data) == ("0o2750", 0, GROUP)
    assert mode(data / "cas") == ("0o2770", 0, GROUP)
    assert mode(data / "cas" / "locks") == ("0o2770", 0, GROUP)
    assert mode(data / "cas" / "index.db") == ("0o660", 0, GROUP)
    assert mode(data / "pods" / "run") == ("0o2750", 0, GROUP)


def test_without_the_group_all_stays_with_root(rkt):
    rkt("image", "list", code=0)
    assert mode(rkt.data) == ("0o750", 0, 0) and mode(rkt.data / "cas") == ("0o770", 0, 0)


def test_a_member_sees_no_pods_before_there_were_any(site):
    site("image", "list", code=0)
    assert site.member("list", "--no-legend", code=0).stdout.strip() == ""
    assert "no matches found" in site.member("status", "x", code=254).stderr
    assert not (site.rkt.data / "pods").exists()


def test_a_member_fetches_lists_and_removes_and_root_runs_it(site, served):
    site("list", code=0)
    site.member("fetch", served.url, code=0)
    assert json.loads(site.member("image", "list", "--format=json", code=0).stdout)[0]["id"] == served.key
    assert not (site.rkt.data / "cas" / "tree").exists(), "only root renders"
    site.member("image", "cat-manifest", served.name, code=0)
    r = site("run", "--net=none", "--pod-name=it", served.name, code=0)
    assert r.stdout == "755 0 0\n0\n"
    assert site.member("logs", "it", code=0).stdout == r.stdout
    assert "permission denied" in site("logs", "it", uid=OTHER, code=254).stderr
    assert mode(site.rkt.data / "cas" / "tree") == ("0o700", 0, 0)
    site.member("list", code=0)
    assert site("store", "check", code=0).stdout == ""
    site.member("image", "rm", served.name, code=0)
    assert served.name not in site.member("image", "list", "--format=json", code=0).stdout


def test_what_is_rendered_is_never_a_members(site, served):
    """A member can make and rename in cas/; what root executes is rendered in cas/tree."""
    site.member("fetch", served.url, code=0)
    tree = site.rkt.data / "cas" / "tree"
    r = site.member("image", "verify", served.name, code=254)
    assert "belongs to the owner of the image store alone" in r.stderr and not tree.exists(), r
    site("run", "--net=none", served.name, code=0)
    drop = ["setpriv", f"--reuid={MEMBER}", f"--regid={MEMBER}", f"--groups={GROUP}"]
    for mine in (["mkdir", tree], ["cp", "-r", site.rkt.data / "cas" / "blobs", tree], ["mv", site.rkt.data / "cas" / "locks", tree]):
        subprocess.run([*drop, "mv", tree, site.rkt.data / "cas" / "was"], check=True)
        subprocess.run([*drop, *mine], check=True)
        r = site("run", "--net=none", served.name, code=254)
        assert 'others can write to "cas/tree"' in r.stderr, r
        subprocess.run(["mv", tree, site.rkt.data / "cas" / "locks"] if mine[0] == "mv" else ["rm", "-r", tree], check=True)
        subprocess.run(["mv", site.rkt.data / "cas" / "was", tree], check=True)
    site("run", "--net=none", served.name, code=0)


def test_a_strict_umask_shuts_no_member_out(site, served):
    shutil.rmtree(site.rkt.data)
    site("run", "--net=none", "--pod-name=it", served.url, umask="077", code=0)
    for pods in (site.rkt.data / "pods", site.rkt.data / "pods" / "run"):
        assert mode(pods) == ("0o2750", 0, GROUP)
    assert "exited" in site.member("status", "it", code=0).stdout
    assert "it" in site.member("list", code=0).stdout
    site.member("image", "rm", served.name, umask="077", code=0)
    site.member("fetch", served.url, umask="077", code=0)
    site("fetch", "--pull-policy=update", served.url, uid=OTHER, groups=(GROUP,), code=0)


def test_a_member_verifies_what_it_fetches(site, served):
    unsigned = site.rkt.aci("example.com/unsigned")
    r = site.member("fetch", unsigned.path, code=254)
    assert "open " in r.stderr and ".aci.asc: no such file or directory" in r.stderr
    site.rkt.keys("mallory").sign(unsigned.path)
    r = site.member("fetch", unsigned.path, code=254)
    assert "openpgp: signature made by unknown entity" in r.stderr


def test_members_and_root_share_downloads(site, served):
    procs = [subprocess.Popen(["unshare", "--mount", "sh", "-c", f'mount --bind {site.group_file} /etc/group && exec {drop} "$@"', "sh",
                               *site.rkt.argv("fetch", "--pull-policy=new", served.url)], env=site.rkt.env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, cwd="/")
             for drop in (f"setpriv --reuid={MEMBER} --regid={MEMBER} --groups={GROUP}", "", f"setpriv --reuid={OTHER} --regid={OTHER} --groups={GROUP}") * 3]
    outs = [p.communicate(timeout=120)[1] for p in procs]
    assert [p.returncode for p in procs] == [0] * 9, outs
    assert site("store", "check", code=0).stdout == ""


def test_others_are_told_who_may(site, served):
    site("fetch", served.url, code=0)
    for args in (["image", "list"], ["fetch", served.url], ["image", "rm", served.name]):
        r = site(*args, uid=OTHER, code=254)
        assert "permission denied" in r.stderr and 'members of group "rkt"' in r.stderr, r.stderr
        assert len(r.stderr.strip().splitlines()) == 1
    for args in (["run", "--net=none", served.name], ["image", "gc"], ["image", "render", served.name, "/tmp/never"]):
        r = site.member(*args, code=254)
        assert f'cannot run as unprivileged user; the data directory "{site.rkt.data}" is not yours: use --dir, or root' in r.stderr, r


@pytest.mark.parametrize("flags", [(), ("--no-overlay",)])
def test_a_member_reaches_no_file_of_an_app(site, flags):
    """An app's root may have made a set-user-ID program there."""
    site.rkt.aci(key="builder", exec=["/bin/sh", "-c", "cp /bin/busybox /x; cp /bin/busybox /v/x; chmod 4755 /x /v/x; exit 3"])
    site("trust", "--root", "--skip-fingerprint-review", site.rkt.keys("builder").public, code=0)
    aci = site.rkt.tmp / "example.com_busybox.aci"
    site("run", "--net=none", *flags, "--volume=v,kind=empty", aci, "--mount=volume=v,target=/v", code=3)
    made = [p for p in site.rkt.data.glob("pods/run/**/x") if p.stat().st_mode & 0o4000]
    assert len(made) == 2, made
    for path in made:
        p = subprocess.run(["setpriv", f"--reuid={MEMBER}", f"--regid={MEMBER}", f"--groups={GROUP}", "cat", str(path)], capture_output=True)
        assert b"Permission denied" in p.stderr, (path, p)
    (pod,) = [p.name for p in (site.rkt.data / "pods/run").iterdir()]
    assert "app-busybox=3" in site.member("status", pod, code=0).stdout
