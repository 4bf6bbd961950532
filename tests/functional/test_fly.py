# SPDX-License-Identifier: Apache-2.0
"""The flavor fly, row by row: what an app of it has in common with one of native, and what it is told that it has not."""
import json
import os
import signal
import subprocess

import pytest

from rktlib import entry, wait_until
from test_lifecycle import FLY, both_flavors
from test_volumes import CONTENT, docker_image

IMAGE = "example.com/busybox"
PATH = {"name": "PATH", "value": "/bin"}
TOOL = [entry("rootfs/opt"), entry("rootfs/opt/tool", '#!/bin/sh\necho "$0" "$@"\n', mode=0o755), entry("rootfs/opt/plain", "x")]


def sh(script):
    return ["/bin/sh", "-c", script]


def fly(rkt, *args, **kw):
    return rkt.run(FLY, *args, net="host", **kw)


def unheeded(r):
    return [line.split()[2] for line in r.err.splitlines() if line.endswith(" not supported by fly; ignoring")]


def volumes(**named):
    """Flags: NAME="OPTIONS@TARGET"."""
    return [f for name, (options, _, target) in ((n, v.partition("@")) for n, v in named.items())
            for f in (f"--volume={name},{options}", f"--mount=volume={name},target={target}")]


# ------------------------------------------------------------------------------------------------ what the app sees

@both_flavors
def test_the_environment_is_composed(rkt, net, flavor):
    rkt.image(exec=["/bin/env"], user="worker", group="worker", environment=[{"name": n, "value": "image"} for n in "ABCD"])
    (rkt.tmp / "env").write_text("# comment\nC=file\nD=file\n")
    flags = ["--set-env=D=flag", f"--set-env-file={rkt.tmp}/env", IMAGE, "--environment=B=app", "--environment=C=app"]
    seen = lambda *more: dict(line.split("=", 1) for line in rkt.run(*flavor, *more, *flags, net=net, code=0, env={"A": "rkt", "OUT": "side"}).out.splitlines())
    own = {} if flavor else {"AC_APP_NAME": "busybox", "container": "rkt"}
    assert seen() == {"A": "image", "B": "app", "C": "file", "D": "flag", "SHELL": "/bin/sh", "USER": "root", "LOGNAME": "root", "HOME": "/root",
                      "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **own}
    inherited = seen("--inherit-env")
    assert (inherited["A"], inherited["OUT"], inherited["HOME"]) == ("image", "side", str(rkt.tmp))


@both_flavors
@pytest.mark.parametrize("program, path, directory, found", [
    ("/opt/tool", None, "/", "/opt/tool"), ("opt/tool", None, "/", "/opt/tool"), ("./tool", "/bin", "/opt", "/opt/tool"), ("tool", None, "/opt", "/opt/tool"),
    ("tool", "/bin:/opt", "/", "/opt/tool"), ("tool", "/bin:.", "/opt", "/opt/tool"), ("echo", None, "/", None)])
def test_the_program_is_looked_up(rkt, net, flavor, program, path, directory, found):
    rkt.image(exec=[program, "$HOME", "%h", r"\n"], environment=[{"name": "PATH", "value": path}] if path else [], workingDirectory=directory, extra=TOOL)
    *name, args = rkt.run(*flavor, IMAGE, net=net, code=0).out.rstrip("\n").partition("$HOME")[::2]
    assert args == r" %h \n" and (found is None or os.path.normpath(name[0].strip()) == found)


@pytest.mark.parametrize("flags, text", [
    (["--exec=/no/such"], '"/no/such" could not be executed: Unable to open "/no/such": No such file or directory'),
    (["--exec=/opt/plain"], '"/opt/plain" could not be executed: "/opt/plain" is not executable'),
    (["--exec=none"], 'unable to find "none" in "/bin"'), (["--exec=plain", "--environment=PATH=/opt"], 'unable to find "plain" in "/opt"'),
    (["--working-dir=/no/such"], 'change to the working directory "/no/such"'), (["--user=nobody-here"], 'failed to configure user "nobody-here"'),
    (["--group=nobody-here"], 'failed to configure group "nobody-here"'), (["--user=/no/such"], 'failed to configure user "/no/such"'),
    (["--working-dir=/proc/1/root"], 'change to the working directory "/proc/1/root"')])
def test_what_cannot_be_started_is_said(rkt, flags, text):
    rkt.image(exec=["/bin/true"], environment=[PATH], extra=TOOL)
    r = fly(rkt, IMAGE, *flags, code=254)
    assert r.err.startswith("run: ") and text.lower() in r.err.lower(), r


@both_flavors
@pytest.mark.parametrize("image, flags, ids", [
    ({}, [], "0 0 0"), ({"user": "root", "group": "root"}, [], "0 0 0"), ({"user": "worker", "group": "extra"}, [], "1000 2000 2000"),
    ({"user": "1234", "group": "5678", "supplementaryGIDs": [7, 8]}, [], "1234 5678 5678 7 8"), ({"user": "/etc/owned", "group": "/etc/owned"}, [], "77 88 88"),
    ({"user": "7", "group": "7"}, ["--user=worker", "--group=worker", "--supplementary-gids=9"], "1000 1000 1000 9")])
def test_users_and_groups(rkt, net, flavor, image, flags, ids):
    rkt.image(exec=sh("echo $(id -u) $(id -g) $(id -G)"), extra=[entry("rootfs/etc/owned", "x", uid=77, gid=88)], **image)
    assert rkt.run(*flavor, IMAGE, *flags, net=net, code=0).out == ids + "\n"


@both_flavors
def test_an_image_without_an_app_runs_what_is_given(rkt, net, flavor):
    rkt.image(app=False)
    assert rkt.run(*flavor, IMAGE, "--exec=/bin/id", "--", "-u", net=net, code=0).out == "0\n"
    assert "has no app section and --exec argument is not provided" in rkt.run(*flavor, IMAGE, net=net, code=254).err


def test_the_app_has_the_host_and_its_callers_rights(rkt):
    spaces = ["pid", "net", "ipc", "uts", "user", "cgroup", "mnt"]
    own = [os.readlink(f"/proc/self/ns/{s}") for s in spaces]
    rights = [line.strip() for line in open("/proc/self/status") if line.startswith(("CapEff:", "NoNewPrivs:", "Seccomp:"))]
    rkt.image(exec=sh(f"for s in {' '.join(spaces)}; do readlink /proc/self/ns/$s; done; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; "
                      "cat /proc/self/cgroup; pwd; stat -c '%a %u' /tmp; readlink /etc/mtab; cd /dev; ls -d null shm; umask"), workingDirectory="/tmp")
    out = fly(rkt, IMAGE, code=0).out
    lines = out.splitlines()
    assert lines[:6] == own[:6] and lines[6] != own[6] and lines[7:10] == rights
    assert out.endswith(open("/proc/self/cgroup").read() + "/tmp\n1777 0\n../proc/self/mounts\nnull\nshm\n0022\n"), out
    assert "CapEff:\t0000000000000000\n" in fly(rkt, IMAGE, "--user=worker", "--group=worker", code=0).out


def test_modes_are_right_whatever_the_umask(rkt):
    (rkt.tmp / "v").mkdir(mode=0o755)
    (rkt.tmp / "v/f").write_text("seen\n")
    rkt.image(exec=sh("cat /deep/er/v/f; grep -c localhost /etc/hosts; umask"), user="worker", group="worker")
    before = os.umask(0o077)
    try:
        r = fly(rkt, *volumes(v=f"kind=host,source={rkt.tmp}/v@/deep/er/v"), IMAGE, code=0)
    finally:
        os.umask(before)
    assert r.out == "seen\n1\n0027\n", "what rkt made is the app's to read; its own umask is nearly the caller's"


# ----------------------------------------------------------------------------------------------------------- volumes

@both_flavors
def test_volumes(rkt, net, flavor):
    for name in ("rw/inner", "ro", "in"):
        (rkt.tmp / name).mkdir(parents=True)
    (rkt.tmp / "file").write_text("a file\n")
    (rkt.tmp / "in/I").write_text("inner\n")
    rkt.image(exec=sh("echo w >/rw/w; echo w >/ro/w; echo w >/point/w; cat /etc/deep/file /rw/inner/I; echo e >/e/e; stat -c '%a %u %g' /e; ls /link /real"),
              mountPoints=[{"name": "point", "path": "/point", "readOnly": True}], extra=[entry("rootfs/link", link="/real")])
    flags = volumes(inner=f"kind=host,source={rkt.tmp}/in@/rw/inner", rw=f"kind=host,source={rkt.tmp}/rw@/rw", ro=f"kind=host,source={rkt.tmp}/ro,readOnly=true@/ro",
                    file=f"kind=host,source={rkt.tmp}/file@/etc/deep/file", e="kind=empty,mode=0711,uid=5,gid=6@/e", link=f"kind=host,source={rkt.tmp}/in@/link")
    r = rkt.run(*flavor, *flags, f"--volume=point,kind=host,source={rkt.tmp}/ro", "--volume=unused,kind=empty", IMAGE, net=net, code=0)
    assert r.out == "a file\ninner\n711 5 6\n/link:\nI\n\n/real:\nI\n" and r.err.count("Read-only file system") == 2
    assert (rkt.tmp / "rw/w").exists() and os.listdir(rkt.tmp / "ro") == []


@pytest.mark.parametrize("recursive, seen, readonly", [("", "", False), (",recursive=false", "", False), (",recursive=true", "below\n", False),
                                                       (",recursive=true,readOnly=true", "below\n", True)])
def test_mounts_below_a_volume_are_there_when_asked_for(rkt, recursive, seen, readonly):
    (rkt.tmp / "v/sub").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", rkt.tmp / "v/sub"], check=True)
    try:
        (rkt.tmp / "v/sub/below").write_text("")
        rkt.image(exec=sh("ls /v/sub; touch /v/sub/new"))
        r = fly(rkt, *volumes(v=f"kind=host,source={rkt.tmp}/v{recursive}@/v"), IMAGE)
        assert r.out == seen and (r.code != 0) == readonly, r
    finally:
        subprocess.run(["umount", rkt.tmp / "v/sub"], check=True)


@pytest.mark.parametrize("flags, text", [
    ([], 'missing volume for mountpoint "point"'), (["--volume=point,kind=empty", "--mount=volume=point,target=/else"], 'conflicting path information from mount and mountpoint "point"'),
    (volumes(point="kind=empty@/point", v="kind=empty@/a") + ["--mount=volume=v,target=/b"], 'duplicate mount given: "v"'),
    (volumes(point="kind=empty@/point", v="kind=host,source=/no/such@/v"), '"/no/such"'),
    (volumes(point="kind=empty@/point", v="kind=empty@/etc/passwd"), '"/etc/passwd" is not'), (volumes(point="kind=empty@/point", v="kind=host,source=/etc/passwd@/etc"), "because \"/etc\" is a directory while"),
    (volumes(point="kind=empty@/point", v="kind=empty@/"), 'cannot be mounted on "/"'), (volumes(point="kind=empty@/point", v="kind=empty@/top"), '"/top" is a link to "/" in the image'),
    (volumes(point="kind=empty@/point", v="kind=empty@/kernel"), '"/kernel" is a link to "/proc" in the image'),
    (volumes(point="kind=empty@/point", v="kind=empty@/sysctls"), '"/sysctls" is a link to "/proc/sys" in the image')])
def test_volumes_that_cannot_be_had(rkt, flags, text):
    rkt.image(exec=["/bin/true"], mountPoints=[{"name": "point", "path": "/point"}], extra=[entry("rootfs/top", link="/etc/.."), entry("rootfs/kernel", link="proc"), entry("rootfs/sysctls", link="/proc/sys")])
    r = fly(rkt, *flags, IMAGE, code=254)
    assert text in r.err, r


@pytest.mark.parametrize("place", ["/proc", "/proc/self", "/dev", "/sys", "/"])
def test_a_link_that_a_volume_brings_leads_to_no_file_system_of_the_kernel(rkt, place):
    (rkt.tmp / "v").mkdir()
    (rkt.tmp / "v/link").symlink_to(place)
    rkt.image(exec=["/bin/true"])
    r = fly(rkt, *volumes(v=f"kind=host,source={rkt.tmp}/v@/v", w="kind=empty@/v/link"), IMAGE, code=254)
    assert f'"/v/link" is a link to "{place.removesuffix("/self")}", which nothing covers' in r.err, r


def test_volumes_of_docker_images(rkt, tmp_path):
    """As under native, but that each has to be there, by its mount point's name."""
    look = "stat -c '%a %u:%g' /data /data/f; cat /data/f"
    image = docker_image(tmp_path, look, ["/data"], CONTENT)
    docker = lambda *volume, code=0: rkt("--insecure-options=image", "run", "--net=host", FLY, *volume, image, code=code)
    assert docker("--volume=volume-data,kind=empty").out == "2750 5:6\n4711 7:8\ntext"
    assert docker("--volume=volume-data,kind=empty,mode=0700,uid=1,gid=2").out == "700 1:2\n4711 7:8\ntext"
    (tmp_path / "host").mkdir()
    docker(f"--volume=volume-data,kind=host,source={tmp_path}/host", code=1)
    assert os.listdir(tmp_path / "host") == []
    assert 'missing volume for mountpoint "volume-data"' in docker(code=254).err


# ------------------------------------------------------------------------------------------- what it does not have

@pytest.mark.parametrize("flags, names", [
    (["--memory=16M"], ["resource/memory"]), (["--cpu=100m", "--cpu-shares=9", "--oom-score-adj=1"], ["os/linux/cpu-shares", "os/linux/oom-score-adj", "resource/cpu"]),
    (["--caps-retain=CAP_KILL"], ["os/linux/capabilities-retain-set"]), (["--caps-remove=CAP_KILL"], ["os/linux/capabilities-remove-set"]),
    (["--seccomp=mode=remove,reboot"], ["os/linux/seccomp-remove-set"]), (["--readonly-rootfs=true"], ["--readonly-rootfs"]), (["--restart=no"], []),
    (["--stdin=stream", "--stdout=tty", "--stderr=null", "--log-size=1Mi"], ["--log-size", "--stderr", "--stdin", "--stdout"])])
def test_flags_of_an_app_without_effect_are_named(rkt, flags, names):
    rkt.image(exec=["/bin/sh", "-c", "echo ran; touch /written"])
    r = fly(rkt, IMAGE, *flags, code=0)
    assert r.out == "ran\n" and unheeded(r) == names, r


def test_what_a_pod_has_without_effect_is_named(rkt):
    rkt.image(exec=["/bin/hostname"], ports=[{"name": "web", "protocol": "tcp", "port": 80}], eventHandlers=[{"name": "pre-start", "exec": ["/bin/false"]}],
              annotations=[{"name": "org.opencontainers.image.stopsignal", "value": "sigquit"}])
    r = rkt("--insecure-options=all-run", "run", FLY, "--port=web:8080", "--hostname=other", "--ipc=private", "--net-plugins=external", IMAGE, code=0, env={"NOTIFY_SOCKET": "@nobody"})
    assert unheeded(r) == ["--port", "NOTIFY_SOCKET", "StopSignal", "eventHandlers"] and r.out == os.uname().nodename + "\n"
    for text in ("run: Warning: -hostname not supported; ignoring", "warning: --ipc option is not supported by stage1", "warning: --net-plugins option is not supported by stage1"):
        assert text in r.err, r
    r = rkt.run(FLY, "--private-users", IMAGE, net="host", code=2)
    assert r.err.endswith("run: --private-users is not supported by fly: its app has the users of the host\n"), r


@pytest.mark.parametrize("flag, warned", [([], False), (["--net"], False), (["--net=host"], False), (["--net=none"], True), (["--net=default-restricted"], True)])
def test_networks_are_the_hosts(rkt, flag, warned):
    rkt.image(exec=["/bin/readlink", "/proc/self/ns/net"])
    r = rkt("run", FLY, *flag, IMAGE, code=0)
    assert r.out.strip() == os.readlink("/proc/self/ns/net") and ("Warning: -net=" in r.err) == warned


def test_pod_manifests(rkt):
    aci = rkt.image(exec=sh("echo of the image; cat /v/f"))
    (rkt.tmp / "f").write_text("volume\n")
    (rkt.tmp / "pod").write_text("")
    one = {"name": "one", "image": {"id": aci.id}, "mounts": [{"volume": "v", "path": "/v", "appVolume": {"name": "v", "kind": "host", "source": str(rkt.tmp)}}]}
    own = {"app": {"exec": sh("echo of the pod; cat /v/f; exit 4"), "user": "0", "group": "0", "environment": [PATH]}}

    def run(*apps, code, **fields):
        (rkt.tmp / "pod").write_text(json.dumps({"acVersion": "0.8.11", "acKind": "PodManifest", "apps": apps, **fields}))
        return fly(rkt, f"--pod-manifest={rkt.tmp}/pod", code=code)
    assert run(one, code=0).out == "of the image\nvolume\n"
    r = run({**one, **own}, code=4, isolators=[{"name": "resource/pids", "value": {"limit": "5"}}], annotations=[{"name": "coreos.com/rkt/experiment/logmode", "value": "k8s-plain"}])
    assert r.out == "of the pod\nvolume\n" and unheeded(r) == ["coreos.com/rkt/experiment/logmode", "resource/pids"]
    assert "fly only supports 1 application per Pod for now" in run(one, {**one, "name": "two"}, code=254).err


# ------------------------------------------------------------------------------------------------- ends and streams

def test_its_end_is_rkts_and_nobody_records_it(rkt):
    rkt.image(exec=["/bin/sh", "-c"])
    for code in (0, 1, 7, 126, 127, 200, 254, 255):
        fly(rkt, f"--uuid-file-save={rkt.tmp}/uuid", IMAGE, "--", f"exit {code}", code=code)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGSEGV):
        fly(rkt, IMAGE, "--", f"kill -{int(number)} $$", code=-number)
    status = rkt("status", f"--uuid-file={rkt.tmp}/uuid", code=0).out
    assert status.splitlines()[0] == "state=exited" and "networks=\n" in status and "exited=true\n" in status and "app-" not in status
    assert "exit_code" not in rkt("status", "--format=json", f"--uuid-file={rkt.tmp}/uuid", code=0).out


def test_streams_and_signals_are_the_callers(rkt):
    rkt.image(exec=sh("grep SigIgn /proc/self/status >&2; cat"))
    data = bytes(range(256)) * 1000
    caught = lambda: [signal.signal(s, signal.SIG_DFL) for s in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)]  # whoever runs the tests
    r = fly(rkt, IMAGE, input=data, code=0, preexec_fn=caught)
    assert r.raw == data and int(r.err.split()[-1], 16) == 0
    hangup = lambda: (caught(), signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert int(fly(rkt, IMAGE, code=0, preexec_fn=hangup).err.split()[-1], 16) == 1 << signal.SIGHUP - 1, "as under nohup"
    rkt.image("example.com/closed", exec=sh("readlink /proc/self/fd/0; readlink /proc/self/fd/2"))
    assert fly(rkt, "example.com/closed", code=0, preexec_fn=lambda: (os.close(0), os.close(2))).out == "/dev/null\n" * 2


def test_the_life_of_a_pod(rkt):
    rkt.image(exec=sh("trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done"), environment=[PATH, {"name": "FROM", "value": "the image"}], workingDirectory="/tmp")
    uuid = rkt("prepare", FLY, IMAGE, code=0).out.strip()
    waiter = rkt.start("status", "--wait-ready=20s", uuid)
    p = rkt.start("run-prepared", "--net=host", uuid)
    assert p.stdout.readline() == b"up\n"
    assert b"state=running\n" in waiter.communicate(timeout=20)[0] and waiter.returncode == 0
    assert json.loads(rkt("cat-manifest", uuid, code=0).out)["apps"][0]["name"] == "busybox"
    assert f"{uuid[:8]}\tbusybox\t{IMAGE}:1.0.0\trunning\t" in rkt("list", code=0).out and rkt.status(uuid)["pid"] == str(p.pid)
    assert rkt("enter", uuid, "/bin/sh", "-c", "pwd; echo $FROM; exit 5", code=5).out == "/\nthe image\n"
    rkt("enter", uuid, "bin/sh", "-c", "kill -9 $$", code=-signal.SIGKILL)
    for command, text in ((["enter", uuid, "sh"], 'Unable to open "sh": No such file or directory'), (["enter", "--app=other", uuid, "/bin/true"], "app other is not present in pod"), (["attach", uuid], '"attach" not implemented for pod\'s stage1'),
                          (["enter", f"--debug-image={IMAGE}", uuid], "the pod's stage1 cannot be entered with an image"), (["logs", uuid], "keeps no logs"), (["rm", uuid], "is currently running"),
                          (["stop", "--grace-period=1s", uuid], "--grace-period is not supported by the pod's stage1"), (["export", uuid, rkt.tmp / "x.aci"], "not exited"),
                          *((["app", verb, uuid, "--app=busybox"], "immutable pod") for verb in ("start", "stop", "rm")), (["app", "add", uuid, IMAGE, "--name=b"], "immutable pod")):
        assert text in rkt(*command, code=254).err, command
    assert rkt("stop", uuid, code=0).out == f'"{uuid}"\n' and p.wait(20) == 3
    assert rkt("stop", uuid, code=0).out == f'pod "{uuid}" is already stopped\n'
    rkt("export", uuid, rkt.tmp / "x.aci", code=0)
    assert rkt("rm", uuid, code=0).out == f'"{uuid}"\n' and rkt.pods() == []


def test_a_pod_lives_as_long_as_what_the_app_left(rkt):
    """It has the lock; and it can be killed, without a trace on the host."""
    rkt.image(exec=sh("sleep 1000 >/dev/null 2>&1 & echo gone"))
    r = fly(rkt, f"--uuid-file-save={rkt.tmp}/uuid", IMAGE, code=0)
    uuid = (rkt.tmp / "uuid").read_text()
    assert r.out == "gone\n" and rkt.status(uuid)["state"] == "running"
    rkt("stop", "--force", uuid, code=0)
    rkt("status", "--wait=20s", uuid, code=0)
    p, other = rkt.start_pod(FLY, *volumes(v=f"kind=host,source={rkt.tmp}@/v"), IMAGE, "--exec=/bin/sleep", "--", "1000", net="host")
    p.kill()
    wait_until(lambda: rkt.status(other)["state"] == "exited", "the pod's end")
    assert str(rkt.data / "pods") not in open("/proc/self/mountinfo").read()
    rkt("gc", "--grace-period=0s", code=0)
    assert rkt.pods() == []


def test_it_takes_no_mutable_pod(rkt):
    assert "stage1 does not support mutable pods" in rkt("app", "sandbox", FLY, "--net=host", code=1).err


def test_nobody_is_asked_about_users_whom_a_volume_brings(rkt, tmp_path):
    """What lies over a part of the app's /proc is the app's matter, its groups are not."""
    (tmp_path / "b").mkdir()
    for name in ("uid_map", "gid_map"):
        (tmp_path / "b" / name).write_text("0 0 1\n")
    rkt.image(exec=sh("id -G"), user="1000", group="1000")
    flags = volumes(b=f"kind=host,source={tmp_path}/b@/proc/self")
    assert fly(rkt, *flags, IMAGE, code=0, preexec_fn=lambda: os.setgroups([0, 4242])).out == "1000\n"
