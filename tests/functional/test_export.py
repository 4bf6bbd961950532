# SPDX-License-Identifier: Apache-2.0
"""rkt export: what an app's file system has become, as an image that runs again."""
import os
import stat
import subprocess
import tarfile

import pytest

from rktlib import entry, wait_until

CHANGE = ("echo new >/new; rm /etc/group; rm -r /old; mkdir /old; echo young >/old/young; echo x >>/etc/motd; ln /new /new2; ln -s /etc/passwd /link; "
          "chown 1000:1000 /new; chmod 4755 /new; mknod /dev0 p")
OLD = [entry("rootfs/etc/motd", "motd\n", uid=7), entry("rootfs/old"), entry("rootfs/old/gone", "gone\n")]


def export(rkt, uuid, *flags, name="out.aci", code=0):
    r = rkt("export", *flags, uuid, rkt.tmp / name, code=code)
    return members(rkt.tmp / name) if code == 0 else r


def members(path):
    assert open(path, "rb").read(2) == b"\x1f\x8b"
    with tarfile.open(path, "r:gz") as tar:
        return {m.name: (m, tar.extractfile(m).read() if m.isreg() else None) for m in tar}


def ended_pod(rkt, *args, code=0):
    uuid = rkt.tmp / "uuid"
    rkt.run(*args[:-1], f"--uuid-file-save={uuid}", args[-1], code=code)
    return uuid.read_text()


@pytest.mark.parametrize("flags", [[], ["--no-overlay"]])
def test_what_an_app_changed_is_in_the_file(rkt, flags):
    rkt.image(exec=["/bin/sh", "-c", CHANGE], extra=OLD)
    uuid = ended_pod(rkt, *flags, "example.com/busybox")
    got = export(rkt, uuid)
    assert list(got)[:2] == ["manifest", "rootfs"] and got["manifest"][0].mode == 0o644
    assert got["manifest"][1] == (rkt.data / "pods/run" / uuid / "appsinfo/busybox/manifest").read_bytes()
    assert got["rootfs/etc/motd"][1] == b"motd\nx\n" and got["rootfs/etc/motd"][0].uid == 7
    assert got["rootfs/old/young"][1] == b"young\n"
    assert not {"rootfs/old/gone", "rootfs/etc/group"} & set(got)
    new = got["rootfs/new"][0]
    assert (new.uid, new.gid, new.mode) == (1000, 1000, 0o4755)
    assert got["rootfs/new2"][0].islnk() and got["rootfs/new2"][0].linkname == "rootfs/new"
    assert got["rootfs/link"][0].linkname == "/etc/passwd"
    assert got["rootfs/bin/sh"][0].linkname == "busybox" and got["rootfs/bin/busybox"][0].uid == 0
    assert got["rootfs/dev0"][0].isfifo()
    assert stat.S_IMODE(os.stat(rkt.tmp / "out.aci").st_mode) == 0o644


def test_owners_are_those_that_the_app_saw(rkt):
    rkt.image(exec=["/bin/true"], extra=OLD)
    uuid = rkt.tmp / "uuid"
    rkt.run("--no-overlay", "--private-users", f"--uuid-file-save={uuid}", "example.com/busybox")
    pod = rkt.data / "pods/run" / uuid.read_text()
    assert os.stat(pod / "stage1/rootfs/opt/stage2/busybox/rootfs/etc/motd").st_uid > 65535
    got = export(rkt, uuid.read_text())
    assert (got["rootfs/etc/motd"][0].uid, got["rootfs/bin/busybox"][0].uid, got["rootfs"][0].gid) == (7, 0, 0)


def test_the_file_is_an_image_that_runs(rkt):
    rkt.image(exec=["/bin/sh", "-c", "cat /state 2>/dev/null; echo more >>/state"])
    uuid = ended_pod(rkt, "example.com/busybox")
    export(rkt, uuid)
    rkt("rm", uuid, code=0)
    rkt("--insecure-options=image", "fetch", rkt.tmp / "out.aci", code=0)
    r = rkt("--insecure-options=image", "run", "--net=none", rkt.tmp / "out.aci", code=0)
    assert r.out == "more\n"


@pytest.mark.parametrize("flags", [[], ["--no-overlay"], ["--private-users"]])
def test_places_that_rkt_made_for_mounts_are_left_out(rkt, flags):
    rkt.image(exec=["/bin/sh", "-c", "grep -c 127.0.0.1 /etc/hosts; mkdir /own; : >/etc/own"], extra=[entry("rootfs/etc/empty", "")])
    uuid = ended_pod(rkt, *flags, "--volume=v,kind=empty", "--mount=volume=v,target=/data", "example.com/busybox")
    got = export(rkt, uuid)
    assert {"rootfs/own", "rootfs/etc/own", "rootfs/etc/empty"} <= set(got)
    assert not {"rootfs/etc/hosts", "rootfs/etc/hostname", "rootfs/data", "rootfs/proc", "rootfs/dev"} & set(got)
    if flags:
        return
    assert rkt("--insecure-options=image", "run", "--net=none", rkt.tmp / "out.aci", code=0).out == "1\n"


def test_a_pod_that_is_marked_can_still_be_exported(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = ended_pod(rkt, "example.com/busybox")
    rkt("gc", "--mark-only", code=0)
    assert "rootfs/bin/busybox" in export(rkt, uuid)


def test_dependencies_and_the_whitelist_are_settled(rkt):
    lib = rkt.image("example.com/lib", app=False, entries=[entry("rootfs"), entry("rootfs/lib"), entry("rootfs/lib/dep", "d")])
    rkt.image(exec=["/bin/sh", "-c", "rm /lib/dep; echo new >/new"], dependencies=[{"imageName": lib.name, "imageID": lib.id}])
    uuid = ended_pod(rkt, "example.com/busybox")
    got = export(rkt, uuid)
    assert b"dependencies" not in got["manifest"][1] and b"example.com/busybox" in got["manifest"][1]
    assert "rootfs/new" in got and "rootfs/lib" in got and "rootfs/lib/dep" not in got


def test_one_of_several_apps_is_chosen(rkt):
    rkt.image("example.com/a", exec=["/bin/sh", "-c", "echo a >/mark"])
    rkt.image("example.com/b", exec=["/bin/sh", "-c", "echo b >/mark"])
    uuid = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={uuid}", "example.com/a", "example.com/b", code=0)
    uuid = uuid.read_text()
    r = export(rkt, uuid, code=254)
    assert "export: pod contains multiple apps:\nexport: \ta\nexport: \tb\n" in r.err
    assert 'unable to determine app name: specify app using "rkt export --app= ..."' in r.err
    assert "unable to find app: app c is not present in pod" in export(rkt, uuid, "--app=c", code=254).err
    assert export(rkt, uuid, "--app=b")["rootfs/mark"][1] == b"b\n"


def test_what_cannot_be_exported_is_said_and_leaves_nothing(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    assert "extension must be .aci (given out.tar)" in rkt("export", "nothing", "out.tar", code=254).err
    assert 'problem retrieving pod: no matches found for "feed"' in rkt("export", "feed", "out.aci", code=254).err
    assert rkt("export", "feed", code=254).out.startswith("NAME:\n\texport - ")
    prepared = rkt("prepare", "example.com/busybox", code=0).out.strip()
    p, running = rkt.start_pod("example.com/busybox")
    for uuid in (prepared, running):
        assert rkt("export", uuid, "out.aci", code=254).err == "export: pod is not exited. Only exited pods can be exported\n"
    rkt("stop", "--force", running, code=0)
    p.wait(10)
    wait_until(lambda: rkt.status(running)["state"] == "exited", "the pod to be exited")
    (rkt.tmp / "there.aci").write_text("mine")
    assert rkt("export", running, "there.aci", code=254).err == "export: error building aci: target file exists (try --overwrite)\n"
    assert (rkt.tmp / "there.aci").read_text() == "mine"
    rkt("export", "--overwrite", running, "there.aci", code=0)
    assert "rootfs/bin/busybox" in members(rkt.tmp / "there.aci")
    assert not [n for n in os.listdir(rkt.tmp) if n.startswith("out") or "there.aci." in n]


def test_holes_capabilities_and_attributes_survive(rkt):
    caps = b"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    rkt.image(exec=["/bin/sh", "-c", "dd if=/dev/zero of=/sparse bs=1 count=1 seek=50000000 2>/dev/null; chmod 600 /bin/ping-copy"],
              extra=[entry("rootfs/bin/ping-copy", "x", mode=0o755)])
    uuid = ended_pod(rkt, "example.com/busybox")
    (upper,) = (rkt.data / "pods/run" / uuid).glob("overlay/*/upper/busybox/bin/ping-copy")
    os.setxattr(upper, "security.capability", caps)
    os.setxattr(upper, "user.note", b"kept")
    os.setxattr(upper, "trusted.secret", b"dropped")
    got = export(rkt, uuid)
    headers = got["rootfs/bin/ping-copy"][0].pax_headers
    assert headers["SCHILY.xattr.user.note"] == "kept" and "SCHILY.xattr.security.capability" in headers and "SCHILY.xattr.trusted.secret" not in headers
    sparse = got["rootfs/sparse"]
    assert sparse[0].size == 50000001 and sparse[1] == bytes(50000001)
    rkt("--insecure-options=image", "fetch", rkt.tmp / "out.aci", code=0)
    id = rkt("image", "list", "--no-legend", "--full", code=0).out.splitlines()[-1].split("\t")[0]
    rkt("image", "render", id, rkt.tmp / "rendered", code=0)
    rendered = rkt.tmp / "rendered/rootfs"
    assert os.stat(rendered / "sparse").st_blocks * 512 < 1 << 20
    assert os.getxattr(rendered / "bin/ping-copy", "security.capability") == caps


def test_sockets_are_named_and_left_out(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = ended_pod(rkt, "example.com/busybox")
    (upper,) = (rkt.data / "pods/run" / uuid).glob("overlay/*/upper/busybox")
    os.mknod(upper / "socket", stat.S_IFSOCK | 0o600)
    r = rkt("export", uuid, "out.aci", code=0)
    assert r.err == 'export: skipping socket "rootfs/socket"\n' and "rootfs/socket" not in members(rkt.tmp / "out.aci")


def test_a_hostile_tree_leads_nowhere(rkt):
    """Directories of any depth, links to the host where directories were, names with line breaks."""
    rkt.image(exec=["/bin/sh", "-c", "rm -r /old; ln -s /etc /old; i=0; while [ $i -lt 1200 ]; do mkdir d && cd -P d || exit 1; i=$((i+1)); done; "
                                     "cd /; echo x >\"$(printf 'a\\n\\033b')\""], extra=OLD)
    uuid = ended_pod(rkt, "example.com/busybox")
    got = export(rkt, uuid)
    assert got["rootfs/old"][0].issym() and not [n for n in got if n.startswith("rootfs/old/")]
    assert got["rootfs/a\n\x1bb"][1] == b"x\n" and "rootfs" + "/d" * 1200 in got


def test_a_full_disk_leaves_no_file(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = ended_pod(rkt, "example.com/busybox")
    script = f'mkdir -p {rkt.tmp}/small && mount -t tmpfs -o size=64k none {rkt.tmp}/small && "$@"; code=$?; ls -A {rkt.tmp}/small; exit $code'
    p = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *rkt.argv("export", uuid, f"{rkt.tmp}/small/out.aci")], env=rkt.env,
                       capture_output=True, text=True)
    assert p.returncode == 254 and "no space left" in p.stderr and p.stdout == "", p
