# SPDX-License-Identifier: Apache-2.0
"""Mutable pods: what a step that fails leaves is what was there before it."""
import os
import re
import signal
import subprocess

from rktlib import busybox_rootfs, entry, wait_until
from test_disk_full import small  # noqa: F401
from test_mutable import app, ended, start_sandbox
from test_volumes import CONTENT, docker_image

IMAGE = "example.com/busybox"


def test_a_start_that_is_refused_changes_nothing_on_record(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo >/etc/group; exit 3"])
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, IMAGE, "--name=a", "--group=extra", code=0)
    rkt("app", "start", uuid, "--app=a", code=0)
    before = ended(rkt, uuid, "a")
    assert before["exit_code"] == 3
    assert "extra" in rkt("app", "start", uuid, "--app=a", code=254).err
    assert app(rkt, uuid, "a") == before
    # Begun, and ended at once: that is its last end.
    rkt("app", "add", uuid, IMAGE, "--name=b", "--exec=/dev/nothing", code=0)
    rkt("app", "start", uuid, "--app=b", code=254)
    assert ended(rkt, uuid, "b")["exit_code"] == 203
    rkt("app", "rm", uuid, "--app=a", code=0)
    status = next(rkt.data.glob(f"pods/run/{uuid}/overlay/*/upper/rkt/status"))
    assert sorted(f.name for f in status.iterdir() if f.name.startswith(("a", "b"))) == ["b", "b-created", "b-started"]
    assert p.poll() is None


def test_an_app_runs_on_record_when_the_pod_has_begun_to_start_it(rkt):
    """Not when `app start` was killed before it could ask for that."""
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, IMAGE, "--name=a", code=0)
    p.send_signal(signal.SIGSTOP)
    try:
        start = rkt.start("app", "start", uuid, "--app=a")
        wait_until(lambda: open(f"/proc/{start.pid}/task/{start.pid}/children", encoding="ascii").read(), "the request")
        start.kill()
        start.communicate()
        assert app(rkt, uuid, "a")["state"] == "created"
    finally:
        p.send_signal(signal.SIGCONT)
    r = rkt("app", "start", uuid, "--app=a")
    assert r.code == 0 or "is already running" in r.err, r  # by the request, if it had got there
    assert app(rkt, uuid, "a")["state"] == "running"


def test_an_app_that_cannot_be_added_is_taken_back_where_no_file_can_be_made(rkt, small):
    """Each step for itself: the manifest, which takes a file, does not keep the app's root from being taken away."""
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = start_sandbox(rkt)
    pod = rkt.data / "pods/run" / uuid
    manifest = (pod / "pod").read_bytes()

    def found():
        mounts = [line for line in open(f"/proc/{p.pid}/mountinfo") if "stage2/one" in line]
        return mounts + [f for f in pod.rglob("*") if f.name in ("one", "one-created")]
    failures = 0
    for spare in range(0, 24, 2):
        st = os.statvfs(rkt.data)
        subprocess.run(["mount", "-o", f"remount,nr_inodes={st.f_files - st.f_ffree + spare}", rkt.data], check=True)
        r = rkt("app", "add", uuid, IMAGE, "--name=one")
        if r.code == 0:
            break
        failures += 1
        assert r.code == 254 and "no space left" in r.err and found() == [], (spare, r, found())
        assert (pod / "pod").read_bytes() == manifest
    assert r.code == 0 and failures > 2, (r, failures)


def test_an_app_has_no_name_that_is_a_mark_of_another(rkt):
    rkt.image()
    _, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, IMAGE, "--name=x", code=0)
    rkt("app", "add", uuid, IMAGE, "--name=y-started", code=0)
    for name, other in (("x-created", "x"), ("x-started", "x"), ("y", "y-started")):
        r = rkt("app", "add", uuid, IMAGE, f"--name={name}", code=254)
        assert f'app name "{name}" cannot stand beside "{other}"' in r.err
    assert app(rkt, uuid, "x")["state"] == "created"


def test_what_is_left_out_is_said_once_to_who_adds_or_starts(rkt):
    rkt.image(exec=["/bin/sleep", "1000"], mountPoints=[{"name": "data", "path": "/data"}])
    rkt.image("example.com/linked", entries=busybox_rootfs([entry("rootfs/proc", link="/")]))
    p, uuid = start_sandbox(rkt)
    r = rkt("app", "add", uuid, IMAGE, "--name=a", f"--mnt-volume=name=v,kind=host,source={rkt.tmp},target=/proc", code=0)
    lines = r.err.splitlines()
    assert lines == ['stage1: warning: no volume specified for mount point "data", implicitly creating an "empty" volume. This volume will be removed when the pod is garbage-collected.',
                     'stage1: warning: the volume for "/proc" is left out: "/proc" is the kernel\'s'], r
    for _ in range(2):
        assert rkt("app", "start", uuid, "--app=a", code=0).err == ""
        rkt("app", "stop", uuid, "--app=a", "--force", code=0)
    rkt("app", "rm", uuid, "--app=a", code=0)
    assert rkt("app", "add", uuid, IMAGE, "--name=a", f"--mnt-volume=name=v,kind=host,source={rkt.tmp},target=/proc", code=0).err.splitlines() == lines
    rkt("app", "add", uuid, "example.com/linked", "--name=b", code=0)
    wrong = 'app "b": mount "/proc": "/proc" of the image is not a directory'
    r = rkt("app", "start", uuid, "--app=b", code=254)
    assert r.err.strip().endswith("error starting app: " + wrong), r
    rkt("stop", uuid, code=0)
    assert p.communicate(timeout=20)[1].decode().splitlines() == ["stage1: " + wrong]


def test_the_pods_own_processes_keep_no_descriptor_of_what_has_gone(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = start_sandbox(rkt)
    engine = [p.pid, int(open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii").read())]

    def held():
        return [sorted(re.sub(r":\[\d+\]$", "", os.readlink(f"/proc/{pid}/fd/{n}")) for n in os.listdir(f"/proc/{pid}/fd")) for pid in engine]

    def come_and_go(mode):
        rkt("app", "add", uuid, IMAGE, "--name=a", *(f"--{stream}={mode}" for stream in ("stdin", "stdout", "stderr")), code=0)
        rkt("app", "start", uuid, "--app=a", code=0)
        rkt("enter", "--app=a", uuid, "/bin/true", code=0)
        client = rkt.start("attach", "--app=a", uuid)
        client.kill()
        client.communicate()
        rkt("app", "stop", uuid, "--app=a", "--force", code=0)
        rkt("app", "start", uuid, "--app=a", code=0)
        rkt("app", "rm", uuid, "--app=a", code=0)
    come_and_go("stream")  # from here on the pod listens for who attaches
    before = held()
    come_and_go("stream")
    come_and_go("tty")
    wait_until(lambda: held() == before, "its descriptors to be those of before")


def test_mounts_that_went_with_a_process_of_the_pod_are_looked_for_at_the_next(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = start_sandbox(rkt)
    rkt("app", "add", uuid, IMAGE, "--name=a", code=0)
    os.kill(p.pid, signal.SIGSTOP)
    os.kill(int(rkt.status(uuid)["pid"]), signal.SIGKILL)  # and nobody has reaped it
    start = rkt.start("app", "start", uuid, "--app=a")
    try:
        wait_until(lambda: start.poll() is not None or open(f"/proc/{start.pid}/task/{start.pid}/children").read(), "the request")
    finally:
        os.kill(p.pid, signal.SIGCONT)
    err = start.communicate(timeout=10)[1]
    assert start.returncode == 254 and b"mountinfo" not in err, err  # it comes as far as stage1, which says what is wrong


def test_a_volume_is_filled_by_who_starts_an_app_and_whole_or_not_there(rkt, tmp_path):
    """Not by the process that looks after all apps of the pod, which is stopped meanwhile."""
    image = docker_image(tmp_path, "cat /data/f; echo; exec sleep 1000", ["/data"], CONTENT)
    p, uuid = start_sandbox(rkt)
    rkt("--insecure-options=image", "fetch", image, code=0)
    rkt("--insecure-options=image", "app", "add", uuid, image, "--name=a", code=0)
    volume = rkt.data / f"pods/run/{uuid}/sharedVolumes/.implicit/a/a-volume-data"
    assert (volume / "f").read_text() == "text"
    # What is left when a copy is killed.
    aside = volume.with_name("a-volume-data.new")
    volume.rename(aside)
    (aside / "f").write_text("ha")
    p.send_signal(signal.SIGSTOP)
    try:
        start = rkt.start("app", "start", uuid, "--app=a")
        wait_until(volume.exists, "the volume")
        assert (volume / "f").read_text() == "text" and not aside.exists() and start.poll() is None
    finally:
        p.send_signal(signal.SIGCONT)
    assert start.wait(20) == 0 and p.stdout.readline().endswith(b"]: text\n")
    rkt("app", "stop", uuid, "--app=a", code=0)
    (volume / "f").write_text("own")
    rkt("app", "start", uuid, "--app=a", code=0)
    assert p.stdout.readline().endswith(b"]: own\n"), "filled once"
