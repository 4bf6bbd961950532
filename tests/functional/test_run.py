# SPDX-License-Identifier: Apache-2.0
"""rkt run: the plain life of a pod, exit statuses, several apps."""
import fcntl
import json
import os
import signal
import subprocess

import pytest

from rktlib import wait_until


@pytest.mark.parametrize("code", [0, 1, 7, 127, 128, 200, 254, 255])
def test_the_exit_code_of_the_app_is_rkts(rkt, code):
    rkt.image(exec=["/bin/sh", "-c", f"exit {code}"])
    rkt.run("example.com/busybox", code=code)
    (pod,) = rkt.pods()
    assert pod["state"] == "exited"
    assert rkt.status(pod["name"])["app-busybox"] == str(code)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP])
def test_death_by_signal_is_128_plus_its_number(rkt, sig):
    rkt.image(exec=["/bin/sh", "-c", f"kill -{int(sig)} $$"])
    rkt.run("example.com/busybox", code=128 + sig)
    (pod,) = rkt.pods()
    assert rkt.status(pod["name"])["app-busybox"] == str(128 + sig)


def test_status_survives_the_pod_and_is_machine_readable(rkt):
    rkt.image(exec=["/bin/sh", "-c", "exit 3"])
    rkt.run("example.com/busybox", code=3)
    (pod,) = rkt.pods()
    s = json.loads(rkt("status", "--format=json", pod["name"], code=0).out)
    assert s["state"] == "exited" and s["apps"][0]["exit_code"] == 3 and s["app_names"] == ["busybox"]


def test_the_first_app_that_failed_decides_and_ends_the_pod(rkt):
    rkt.image("example.com/fails", exec=["/bin/sh", "-c", "sleep 0.3; exit 9"])
    rkt.image("example.com/waits", exec=["/bin/sleep", "1000"])
    rkt.run("example.com/fails", "example.com/waits", code=9)
    (pod,) = rkt.pods()
    status = rkt.status(pod["name"])
    assert status["app-fails"] == "9"
    assert status["app-waits"] in ("143", "137")


def test_an_app_that_succeeds_leaves_the_others_running(rkt):
    rkt.image("example.com/ok", exec=["/bin/true"])
    rkt.image("example.com/later", exec=["/bin/sh", "-c", "sleep 0.5; exit 4"])
    rkt.run("example.com/ok", "example.com/later", code=4)


def test_several_apps_that_all_succeed_give_zero(rkt):
    rkt.image("example.com/a", exec=["/bin/true"])
    rkt.image("example.com/b", exec=["/bin/true"])
    rkt.run("example.com/a", "example.com/b", code=0)


def test_exec_and_arguments_replace_and_append(rkt):
    rkt.image(exec=["/bin/echo", "image"])
    assert rkt.run("example.com/busybox", "--", "more", code=0).out == "image more\n"
    assert rkt.run("example.com/busybox", "--exec=/bin/echo", "--", "x", "--", "-n", code=0).out == "x -- -n\n"
    assert rkt.run("example.com/busybox", "--exec=echo", "--", "by PATH", code=0).out == "by PATH\n"


def test_arguments_of_one_image_end_with_three_dashes(rkt):
    rkt.image("example.com/a", exec=["/bin/echo"])
    rkt.image("example.com/b", exec=["/bin/echo"])
    out = rkt.run("example.com/a", "--", "one", "---", "example.com/b", "--", "two", code=0).out
    assert "one" in out and "two" in out


def test_hostname_is_the_pods_and_can_be_chosen(rkt):
    rkt.image(exec=["/bin/sh", "-c", "hostname; cat /etc/hostname"])
    assert rkt.run("--hostname=my-pod", "example.com/busybox", code=0).out == "my-pod\nmy-pod\n"
    uuid_file = rkt.tmp / "u"
    out = rkt.run(f"--uuid-file-save={uuid_file}", "example.com/busybox", code=0).out
    assert out.splitlines()[0] == "rkt-" + uuid_file.read_text()


def test_environment_flags_and_their_precedence(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo $IMAGE-$A-$B-$C-$AC_APP_NAME-$HOME-$USER"],
              environment=[{"name": "IMAGE", "value": "img"}, {"name": "A", "value": "img"}, {"name": "PATH", "value": "/bin"}])
    env_file = rkt.tmp / "env"
    env_file.write_text("# comment\n\nB=file\nC=file\n")
    out = rkt.run("--set-env=A=flag", f"--set-env-file={env_file}", "example.com/busybox", "--environment=C=app", code=0).out
    assert out == "img-flag-file-file-busybox-/root-root\n"  # what is for all apps wins


def test_inherit_env_never_beats_the_image(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo $OUTSIDE-$A"], environment=[{"name": "A", "value": "img"}, {"name": "PATH", "value": "/bin"}])
    r = rkt.run("--inherit-env", "example.com/busybox", env={"OUTSIDE": "yes", "A": "caller"}, code=0)
    assert r.out == "yes-img\n"
    assert rkt.run("example.com/busybox", env={"OUTSIDE": "yes"}, code=0).out == "-img\n"


def test_the_environment_of_rkt_does_not_reach_the_app(rkt):
    rkt.image(exec=["/bin/env"])
    out = rkt.run("example.com/busybox", env={"SECRET_TOKEN": "x"}, code=0).out
    assert "SECRET_TOKEN" not in out and "RKT_LOCK_FD" not in out


def test_prepare_then_run_prepared(rkt):
    rkt.image(exec=["/bin/sh", "-c", "exit 5"])
    uuid = rkt("prepare", "example.com/busybox", code=0).out.splitlines()[-1]
    assert rkt.status(uuid)["state"] == "prepared"
    (rkt.etc / "net.d").mkdir(parents=True)
    (rkt.etc / "net.d/10-x.conf").write_text("{")
    r = rkt("run-prepared", uuid, code=254)
    assert f'run-prepared: error loading network definitions: "{rkt.etc}/net.d/10-x.conf": JSON' in r.err
    assert rkt.status(uuid)["state"] == "prepared"
    rkt("run-prepared", "--net=none", uuid[:8], code=5)
    assert rkt.status(uuid)["app-busybox"] == "5"
    r = rkt("run-prepared", "--net=none", uuid, code=254)
    assert r.err.strip() == f'run-prepared: pod "{uuid}" is not prepared'


def test_uuid_file_is_written_and_accepted(rkt):
    rkt.image(exec=["/bin/true"])
    f = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={f}", "example.com/busybox", code=0)
    assert len(f.read_text()) == 36
    assert rkt("rm", f"--uuid-file={f}", code=0).out == f'"{f.read_text()}"\n'
    assert rkt.pods() == []


def test_pod_manifest_runs_what_it_says(rkt):
    image = rkt.image(exec=["/bin/false"])
    f = rkt.tmp / "pod.json"
    f.write_text(json.dumps({"acVersion": "0.8.11", "acKind": "PodManifest", "apps": [
        {"name": "one", "image": {"id": image.id}, "app": {"exec": ["/bin/sh", "-c", "exit 6"], "user": "0", "group": "0"}}]}))
    rkt.run(f"--pod-manifest={f}", code=6)
    r = rkt.run(f"--pod-manifest={f}", "example.com/busybox", code=254)
    assert "conflicting flags set with --pod-manifest (see --help)" in r.err


def test_no_overlay_runs_the_same(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo changed > /etc/passwd; exit 2"])
    rkt.run("--no-overlay", "example.com/busybox", code=2)
    rkt.run("--no-overlay", "example.com/busybox", "--exec=/bin/grep", "--", "root", "/etc/passwd", code=0)


def test_the_end_of_a_pod_waits_for_no_disk(rkt):
    """An overlay that is no volatile one writes back the whole file system below it when it goes."""
    rkt.image(exec=["/bin/sh", "-c", "grep ' / ' /proc/self/mounts"])
    assert rkt.run("example.com/busybox", code=0).out.count("volatile") == 1


def test_a_missing_executable_is_explained(rkt):
    rkt.image(exec=["/bin/no-such-thing"])
    r = rkt.run("example.com/busybox", code=203)
    assert "/bin/no-such-thing" in r.err and "busybox" in r.err
    r = rkt.run("example.com/busybox", "--exec=nowhere")
    assert r.code in (203, 254) and "nowhere" in r.err


def test_a_missing_working_directory_is_explained(rkt):
    rkt.image(exec=["/bin/true"], workingDirectory="/no/such/dir")
    r = rkt.run("example.com/busybox", code=200)
    assert "/no/such/dir" in r.err


def test_apps_of_a_pod_that_cannot_be_set_up_have_a_status(rkt):
    rkt.image(exec=["/bin/true"])
    (rkt.tmp / "folder").mkdir()
    volume = [f"--volume=v,kind=host,source={rkt.tmp}/folder", "example.com/busybox", "--name=a", "example.com/busybox", "--name=b"]
    uuid = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={uuid}", *volume, "--mount=volume=v,target=/etc/passwd", code=254)
    status = rkt.status(uuid.read_text())
    assert (status["app-a"], status["app-b"]) == ("254", "254")
    full = rkt.run("--uuid-file-save=/dev/full", "example.com/busybox", code=254).err
    assert full.strip().endswith('there is no room for "/dev/full"'), full


def test_two_apps_of_one_name_are_refused_before_anything_runs(rkt):
    rkt.image(exec=["/bin/true"])
    r = rkt.run("example.com/busybox", "example.com/busybox", code=254)
    assert "multiple apps with name busybox" in r.err
    rkt.run("example.com/busybox", "example.com/busybox", "--name=other", code=0)


def test_an_orderly_stop_ends_the_pod(rkt):
    rkt.image(exec=["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"])
    p, uuid = rkt.start_pod("example.com/busybox")
    assert rkt("stop", uuid, code=0).out == f'"{uuid}"\n'
    assert p.wait(20) == 0
    assert rkt("stop", uuid, code=0).out == f'pod "{uuid}" is already stopped\n'


def test_a_forced_stop_ends_a_pod_that_ignores_signals(rkt):
    rkt.image(exec=["/bin/sh", "-c", "trap '' TERM INT; while :; do sleep 1; done"])
    p, uuid = rkt.start_pod("example.com/busybox")
    rkt("stop", "--force", uuid, code=0)
    assert p.wait(10) != 0
    wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the pod to be exited")


def test_sigterm_to_rkt_is_an_orderly_stop(rkt):
    rkt.image(exec=["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"])
    p, _ = rkt.start_pod("example.com/busybox")
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 0


def test_status_wait_returns_when_the_pod_ends(rkt):
    rkt.image(exec=["/bin/sh", "-c", "sleep 1; exit 0"])
    p, uuid = rkt.start_pod("example.com/busybox")
    r = rkt("status", "--wait=100ms", uuid, code=254)
    assert "deadline exceeded" in r.err
    assert "state=exited" in rkt("status", "--wait", uuid, code=0).out
    assert p.wait(20) == 0


def test_left_over_children_die_with_their_app(rkt):
    rkt.image("example.com/forks", exec=["/bin/sh", "-c", "sleep 1000 & exit 0"])
    assert rkt.run("example.com/forks", code=0, timeout=20).code == 0


def test_enter_runs_in_the_app(rkt):
    rkt.image(exec=["/bin/sh", "-c", "echo here > /tmp/mark; exec sleep 1000"],
              environment=[{"name": "PATH", "value": "/bin"}, {"name": "FROM", "value": "image"}])
    _, uuid = rkt.start_pod("example.com/busybox")
    wait_until(lambda: rkt("enter", uuid, "/bin/test", "-e", "/tmp/mark").code == 0, "the app's file")
    assert rkt("enter", uuid, "/bin/sh", "-c", "cat /tmp/mark; echo $FROM; pwd; id -u", code=0).out == "here\nimage\n/\n0\n"
    rkt("enter", uuid, "/bin/sh", "-c", "exit 42", code=42)
    with open("/dev/full", "w") as full:
        p = subprocess.run(rkt.argv("enter", uuid, "/bin/yes"), stdout=full, stderr=subprocess.PIPE, env=rkt.env, timeout=20)
    assert (p.returncode, p.stderr) == (254, b"enter: write standard output: no space left on device\n")
    assert "no image is named" in rkt("enter", "--debug-image=", uuid, "/bin/true", code=254).err
    assert rkt("enter", uuid, "cat", input="through stdin", code=0).out == "through stdin"
    assert 'Unable to open "/bin/bash": No such file or directory' in (err := rkt("enter", uuid, code=203).err) and "--debug-image" in err


def test_enter_wants_the_app_when_there_are_several(rkt):
    rkt.image("example.com/a", exec=["/bin/sleep", "1000"])
    rkt.image("example.com/b", exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod("example.com/a", "example.com/b")
    r = rkt("enter", uuid, "/bin/true", code=254)
    assert "pod contains multiple apps:" in r.err and "\ta" in r.err and "unable to determine app name" in r.err
    rkt("enter", "--app=b", uuid, "/bin/true", code=0)


def test_list_shows_what_runs(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    _, uuid = rkt.start_pod("example.com/busybox")
    lines = rkt("list", code=0).out.splitlines()
    assert lines[0].split("\t")[0] == "UUID"
    row = [c for c in lines[1].split("\t") if c]
    assert row[:4] == [uuid[:8], "busybox", "example.com/busybox:1.0.0", "running"]
    full = [c for c in rkt("list", "--full", "--no-legend", code=0).out.splitlines()[0].split("\t") if c]
    assert full[0] == uuid and full[3].startswith("sha512-") and len(full[3]) == 19


def test_cat_manifest_has_the_contracts_form(rkt):
    rkt.image(exec=["/bin/true"])
    uuid = rkt("prepare", "--volume=v,kind=empty", "--mount=volume=v,target=/v", "example.com/busybox", code=0).out.strip()
    out = rkt("cat-manifest", "--pretty-print=false", uuid, code=0).out
    m = json.loads(out)
    assert list(m)[:2] == ["acVersion", "acKind"] and m["apps"][0]["mounts"] == [{"volume": "v", "path": "/v"}]
    assert {"name": "coreos.com/rkt/stage1/mutable", "value": "false"} in m["annotations"]


def test_gc_removes_what_a_run_left_that_died_at_its_first_step(rkt):
    rkt("gc", code=0)
    place = rkt.data / "pods/embryo"
    left = place / "f0a0d1b5-7c30-4d4c-9f0e-3a3a5e0c1d11"
    left.mkdir()
    making = os.open(place, os.O_RDONLY)
    fcntl.flock(making, fcntl.LOCK_SH)  # somebody makes a pod: it may be this one
    rkt("gc", code=0)
    assert left.exists()
    os.close(making)
    rkt("gc", code=0)
    assert not left.exists()


def test_gc_marks_and_removes(rkt):
    rkt.image(exec=["/bin/true"])
    rkt.run("example.com/busybox", code=0)
    (pod,) = rkt.pods()
    r = rkt("gc", code=0)
    assert f'moving pod "{pod["name"]}" to garbage' in r.err
    assert rkt.status(pod["name"])["state"] == "exited garbage"
    r = rkt("gc", "--grace-period=0s", code=0)
    assert r.out == f'Garbage collecting pod "{pod["name"]}"\n'
    assert rkt.pods() == []
    for state in ("run", "exited-garbage", "garbage", "prepare", "embryo"):
        assert list((rkt.data / "pods" / state).iterdir()) == []


def test_a_killed_pod_is_exited_and_collectable(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox")
    p.send_signal(signal.SIGKILL)
    p.wait()
    wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the lock to be free")
    rkt("gc", "--grace-period=0s", code=0)
    assert rkt.pods() == []


def test_rm_refuses_a_running_pod_and_removes_an_exited_one(rkt):
    rkt.image(exec=["/bin/sleep", "1000"])
    p, uuid = rkt.start_pod("example.com/busybox")
    r = rkt("rm", uuid, code=254)
    assert f'pod "{uuid}" is currently running' in r.err and "failed to remove one or more pods" in r.err
    rkt("stop", "--force", uuid)
    p.wait()
    assert rkt("rm", uuid, code=0).out == f'"{uuid}"\n'


@pytest.mark.parametrize("form", ["dir", "erofs"])
def test_a_pod_of_many_apps_needs_few_descriptors_to_be_put_together(rkt, form):
    rkt.trees = [f"--tree-backend={form}"]
    rkt.image(exec=["/bin/true"])
    apps = [word for i in range(48) for word in ("example.com/busybox", f"--name=a{i}")]
    limited = ["prlimit", "--nofile=64:4096", *rkt.argv("run", "--net=none", *apps)]  # stage1 itself takes what it may have
    r = subprocess.run(limited, env=rkt.env, capture_output=True, text=True, check=False)
    assert r.returncode == 0 and not r.stderr, r
