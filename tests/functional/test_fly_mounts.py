# SPDX-License-Identifier: Apache-2.0
"""fly: what its app mounts in a volume is the host's where the host shares that mount; nothing of rkt's own ever is."""
import subprocess

import pytest

from rktlib import entry, wait_until

FLY = "--stage1-name=coreos.com/rkt/stage1-fly"


def mounted():
    with open("/proc/self/mountinfo") as f:
        return {line.split()[4] for line in f}


def volume(name, source, *options):
    return [f"--volume={','.join([name, 'kind=host', f'source={source}', *options])}", f"--mount=volume={name},target=/{name}"]


@pytest.fixture
def host(tmp_path):
    """Directories that are mounts of the host: a shared one with another below it, and a private one."""
    made = []
    for name, how in (("shared", "shared"), ("shared/sub", "shared"), ("private", "private")):
        place = tmp_path / name
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", name.replace("/", "-"), place], check=True)
        made.append(place)
        subprocess.run(["mount", f"--make-{how}", place], check=True)
    for name in ("mine", "mine/deep", "inner"):
        (tmp_path / "shared" / name).mkdir()
    yield tmp_path
    for place in reversed(made):
        subprocess.run(["umount", "-R", place], check=True)


def test_the_host_sees_what_the_app_mounts_where_it_shares_the_source(rkt, host):
    shared, private = host / "shared", host / "private"
    script = """cd /; for d in all all/sub one read only; do mkdir -p $d/made; mount -t tmpfs of-the-app $d/made && echo $d; done
                touch all/made/file; umount all/sub/made; echo done > all/done; read x"""
    rkt.image(exec=["/bin/sh", "-c", script])
    for name in ("read", "one"):
        (shared / name).mkdir()
    (shared / "read/made").mkdir()
    before = mounted()
    p = rkt.start("run", FLY, "--net=host", f"--uuid-file-save={host}/uuid", *volume("all", shared, "recursive=true"), *volume("one", shared / "one"),
                  *volume("read", shared / "read", "readOnly=true"), *volume("only", private), "example.com/busybox", stdin=subprocess.PIPE)
    wait_until(lambda: (shared / "done").exists(), "the app's mounts")
    mine = {str(shared / "made"), str(shared / "one/made")}
    assert mounted() - before == mine and (shared / "made/file").exists()
    # What the host mounts later is seen by the app; what is in its read-only volume, by nobody else.
    subprocess.run(["mount", "-t", "tmpfs", "late", shared / "mine"], check=True)
    (shared / "mine/of-the-host").write_text("")
    uuid = (host / "uuid").read_text()
    assert rkt("enter", uuid, "/bin/ls", "/all/mine", code=0).out == "of-the-host\n"
    out, err = p.communicate(b"\n", timeout=20)
    assert p.returncode == 0 and out.decode().split() == ["all", "all/sub", "one", "read", "only"], err
    rkt("rm", uuid, code=0)
    assert mounted() - before == mine | {str(shared / "mine")} and (shared / "made/file").exists()


def test_nothing_of_rkts_own_is_mounted_on_the_host(rkt, host):
    shared, private = host / "shared", host / "private"
    (shared / "hosts").write_text("")
    # A link of the image hides that the one volume lies in the other.
    rkt.image(exec=["/bin/sh", "-c", "mount -t tmpfs x /etc/inner; grep -c . /etc/hosts; ls /inside; mount -t tmpfs x /inside"],
              extra=[entry("rootfs/inside", link="/etc/mine/deep")])
    before = mounted()
    r = rkt.run(FLY, "--hosts-entry=host", *volume("etc", shared), *volume("inside", private), "example.com/busybox", net="host", code=0)
    assert int(r.out) > 0 and mounted() == before, r
