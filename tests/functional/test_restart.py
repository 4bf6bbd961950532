# SPDX-License-Identifier: Apache-2.0
"""Apps that are started again, signals that ask them to end, and handlers that do not come back."""
import json
import os
import resource
import signal
import subprocess

import pytest

from rktlib import oci_layout, wait_until
from test_docker import base_layer

# Counts its starts in /d/n; ends with $1 until the third one, which stays.
THIRD_STAYS = 'n=$(cat /d/n 2>/dev/null); n=$((n + 1)); echo $n >/d/n; [ $n -lt 3 ] && exit $0; echo up; exec sleep 1000'
VOLUME = "--volume=d,kind=empty"
MOUNT = "--mount=volume=d,target=/d"


def handlers(**execs):
    return [{"name": name.replace("_", "-"), "exec": ["/bin/sh", "-c", script]} for name, script in execs.items()]


def app_json(rkt, uuid):
    return json.loads(rkt("status", "--format=json", uuid, code=0).out)["apps"][0]


def test_an_app_that_fails_is_started_again_as_often_as_asked(rkt):
    rkt.image(exec=["/bin/sh", "-c", "all=$(ls /proc); echo app $(echo \"$all\" | grep -c '^[0-9]'); sleep 1000 & exit 3"],
              eventHandlers=handlers(pre_start="echo before", post_stop="echo after"))
    file = rkt.tmp / "uuid"
    r = rkt.run(f"--uuid-file-save={file}", "example.com/busybox", "--restart=on-failure:2", code=3)
    one = r.out.splitlines()[:3]
    assert [one[0], one[1].split()[0], one[2]] == ["before", "app", "after"]
    assert r.out.splitlines() == one * 3  # as many processes: nothing of a life is left in the next
    uuid = file.read_text()
    status = rkt.status(uuid)
    assert (status["restarts-busybox"], status["app-busybox"]) == ("2", "3")
    assert app_json(rkt, uuid)["restarts"] == 2


def test_more_processes_than_rkt_may_have_descriptors_are_cleared_away(rkt):
    rkt.image(exec=["/bin/sh", "-c", "ls /proc | grep -c '^[0-9]'; i=0; while [ $i -lt 250 ]; do sleep 1000 & i=$((i + 1)); done; exit 3"])
    less = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))}
    r = rkt.run("example.com/busybox", "--restart=on-failure:1", "example.com/busybox", "--name=other", "--exec=/bin/sh", "--", "-c", "exec sleep 1000", code=3, **less)
    seen = [line.split("]: ")[-1] for line in r.out.splitlines()]
    assert len(seen) == 2 and max(map(int, seen)) <= 5 and "processes" not in r.err, r


def test_always_is_also_after_success_but_not_after_a_stop(rkt):
    rkt.image(exec=["/bin/sh", "-c", THIRD_STAYS, "0"])
    p, uuid = rkt.start_pod(VOLUME, MOUNT, "example.com/busybox", "--restart=always")
    assert p.stdout.readline() == b"up\n"
    wait_until(lambda: rkt.status(uuid).get("restarts-busybox") == "2", "the count")
    assert rkt("enter", uuid, "/bin/cat", "/d/n", code=0).out == "3\n"
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
    assert rkt.status(uuid)["restarts-busybox"] == "2"


def test_the_count_outlives_the_supervisor(rkt):
    rkt.image(exec=["/bin/sh", "-c", THIRD_STAYS, "1"])
    p, uuid = rkt.start_pod(VOLUME, MOUNT, "example.com/busybox", "--restart=on-failure")
    assert p.stdout.readline() == b"up\n"
    p.kill()
    rkt("status", "--wait=20s", uuid, code=0)
    assert app_json(rkt, uuid)["restarts"] == 2


def test_a_pod_whose_app_waits_ends_at_once(rkt):
    rkt.image(exec=["/bin/false"])
    p, uuid = rkt.start_pod("example.com/busybox", "--restart=always")
    wait_until(lambda: int(rkt.status(uuid).get("restarts-busybox", "0")) >= 3, "restarts")
    rkt("stop", uuid, code=0)
    assert p.wait(8) == 0
    assert rkt.status(uuid)["app-busybox"] == "1"


def test_an_app_that_ends_before_its_start_does_has_started(rkt):
    rkt.image(exec=["/bin/true"])
    apps = [arg for i in range(16) for arg in ("example.com/busybox", f"--name=a{i}", "--restart=on-failure", f"--pid={['pod', 'private'][i % 2]}")]
    assert "killed" not in rkt.run(*apps, code=0).err


def test_what_cannot_be_executed_is_not_tried_again(rkt):
    rkt.image(exec=["/bin/nothing"])
    file = rkt.tmp / "uuid"
    rkt.run(f"--uuid-file-save={file}", "example.com/busybox", "--restart=always", code=203)
    assert "restarts-busybox" not in rkt.status(file.read_text())


WAITS = "echo up; read code </d/end; exit $code"


def fails_to_start_for_a_while(rkt, p, volume, uuid):
    """Its first life ends when there is no room for the two processes of its user that a start takes for a moment: the restart after that fails,
    and one more succeeds."""
    assert p.stdout.readline().endswith(b"up\n")
    resource.prlimit(p.pid, resource.RLIMIT_NPROC, (2, 2))
    other = subprocess.Popen(["sleep", "1000"], user=4242, stdin=subprocess.DEVNULL)
    (volume / "end").write_text("3\n")
    wait_until(lambda: app_json(rkt, uuid).get("restarts", 0) >= 2, "a start that failed")
    other.kill()
    other.wait()
    assert p.stdout.readline().endswith(b"up\n")
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0


@pytest.fixture
def volume(tmp_path):
    os.mkfifo(tmp_path / "end", 0o644)
    tmp_path.chmod(0o755)
    return tmp_path


def test_what_keeps_an_app_from_starting_may_pass(rkt, volume):
    rkt.image(exec=["/bin/sh", "-c", WAITS], user="4242", group="4242")
    p, uuid = rkt.start_pod(f"--volume=d,kind=host,source={volume}", MOUNT, "example.com/busybox", "--restart=on-failure")
    fails_to_start_for_a_while(rkt, p, volume, uuid)


def test_so_it_may_in_a_mutable_pod(rkt, volume):
    rkt.image(exec=["/bin/sh", "-c", WAITS], user="4242", group="4242")
    uuid_file = rkt.tmp / "uuid"
    p = rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}")
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36, "the pod's UUID")
    uuid = uuid_file.read_text()
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("app", "add", uuid, "example.com/busybox", "--restart=on-failure", f"--mnt-volume=name=d,kind=host,source={volume},target=/d", code=0)
    rkt("app", "start", uuid, "--app=busybox", code=0)
    fails_to_start_for_a_while(rkt, p, volume, uuid)


def test_a_policy_that_is_none_is_refused(rkt):
    rkt.image()
    assert 'invalid restart policy "sometimes"' in rkt.run("example.com/busybox", "--restart=sometimes").err


def test_apps_of_mutable_pods_are_started_again_and_stop_when_asked(rkt):
    rkt.image(exec=["/bin/sh", "-c", THIRD_STAYS.replace("exec sleep", "trap 'exit 8' TERM; trap 'exit 9' USR1; sleep 1000 & wait #"), "1"])
    uuid_file = rkt.tmp / "uuid"
    p = rkt.start("app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}")
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36, "the pod's UUID")
    uuid = uuid_file.read_text()
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("app", "add", uuid, "example.com/busybox", "--restart=on-failure", "--stop-signal=USR1",
        "--mnt-volume=name=d,kind=empty,target=/d", code=0)
    rkt("app", "start", uuid, "--app=busybox", code=0)
    assert p.stdout.readline().endswith(b": up\n")
    status = rkt("app", "status", uuid, "--app=busybox", code=0).out
    assert "state=running\n" in status and "restarts=2\n" in status
    rkt("app", "stop", uuid, "--app=busybox", code=0)
    status = rkt("app", "status", uuid, "--app=busybox", code=0).out
    assert "state=exited\n" in status and "exit_code=9\n" in status and "restarts=2\n" in status
    rkt("app", "start", uuid, "--app=busybox", code=0)  # another life: it counts anew
    assert p.stdout.readline().endswith(b": up\n")
    assert "restarts" not in rkt("app", "status", uuid, "--app=busybox", code=0).out
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0


def test_each_app_is_asked_to_end_by_its_own_signal(rkt):
    script = "trap 'exit 7' QUIT; trap 'exit 8' TERM; trap 'exit 9' USR1; echo up; sleep 1000 & wait"
    quit = "oci:" + str(oci_layout(rkt.tmp / "quit", [base_layer()], {"Cmd": ["/bin/sh", "-c", script], "Env": ["PATH=/bin"], "StopSignal": "SIGQUIT"}))
    rkt.image("example.com/odd", exec=["/bin/sh", "-c", script], annotations=[{"name": "org.opencontainers.image.stopsignal", "value": "SIGODD"}])
    p, uuid = rkt.start_pod("--insecure-options=image", quit, "--name=quit", "example.com/odd", quit, "--name=own", "--stop-signal=USR1", text=True)
    assert all(p.stdout.readline().endswith(": up\n") for _ in range(3))
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
    status = rkt.status(uuid)
    assert [status[f"app-{name}"] for name in ("quit", "odd", "own")] == ["7", "8", "9"]
    assert 'stop signal "SIGODD" of the image of app "odd" ignored' in p.stderr.read()
    assert "is no signal" in rkt.run("example.com/odd", "--stop-signal=SIGODD").err


def test_a_post_stop_handler_that_hangs_holds_the_pod_until_it_is_killed(rkt):
    rkt.image(exec=["/bin/sh", "-c", "exit 5"], eventHandlers=handlers(post_stop="trap '' TERM; echo hangs; while :; do sleep 1; done"))
    p, uuid = rkt.start_pod("example.com/busybox")
    assert p.stdout.readline() == b"hangs\n"
    rkt("stop", uuid, code=0)  # is asked, and takes no notice
    assert rkt.status(uuid)["state"] == "running"
    rkt("stop", "--force", uuid, code=0)
    assert p.wait(20) == 128 + signal.SIGKILL


def test_fly_says_what_it_does_not_do(rkt):
    rkt.image(exec=["/bin/true"])
    err = rkt("run", "--stage1-name=coreos.com/rkt/stage1-fly", "example.com/busybox", "--restart=always", "--stop-signal=SIGUSR1", code=0).err
    assert "Warning: --restart not supported by fly" in err and "Warning: --stop-signal not supported by fly" in err


def test_a_pod_is_ready_when_its_apps_have_got_through_their_pre_start_handlers(rkt):
    go = rkt.tmp / "v"
    go.mkdir()
    rkt.image(exec=["/bin/sleep", "1000"], eventHandlers=[{"name": "pre-start", "exec": ["/bin/sh", "-c", "until [ -e /v/go ]; do sleep 0.02; done"]}])
    _, uuid = rkt.start_pod(f"--volume=v,kind=host,source={go}", "example.com/busybox", "--mount=volume=v,target=/v")
    rkt("status", "--wait-ready=200ms", uuid, code=254)
    (go / "go").touch()
    rkt("status", "--wait-ready=20s", uuid, code=0)
    rkt("enter", uuid, "/bin/true", code=0)
    rkt("stop", "--force", uuid, code=0)
