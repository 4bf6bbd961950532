# SPDX-License-Identifier: Apache-2.0
"""Socket activation: what a service manager passes to rkt reaches the app that has a port for it, and nobody else."""
import os
import socket
import subprocess

import pytest
from rktlib import wait_until

PORT = {"name": "http", "protocol": "tcp", "port": 80, "count": 1, "socketActivated": True}
# What an app sees: the protocol's variables, whose LISTEN_PID it is, and which sockets it has.
LOOK = """echo "fds=$LISTEN_FDS names=$LISTEN_FDNAMES mine=$([ "$LISTEN_PID" = $$ ] && echo yes)"
for fd in 3 4; do echo "$fd=$(stat -L -c %i /proc/self/fd/$fd 2>/dev/null)"; done; echo done; exec sleep 1000"""


def listener():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    return s, s.getsockname()[1], os.fstat(s.fileno()).st_ino


def activated(rkt, sockets, *args, names=None, count=None, **popen):
    """rkt with `sockets` as descriptors 3, 4, …, as systemd would start it."""
    def take():
        high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
            os.close(fd)
    env = {"LISTEN_FDS": str(count or len(sockets)), **({"LISTEN_FDNAMES": names} if names else {})}
    script = 'LISTEN_PID=$$ exec "$@"'
    p = subprocess.Popen(["sh", "-c", script, "sh", *rkt.argv(*args)], env={**rkt.env, **env}, cwd=rkt.tmp, preexec_fn=take, close_fds=False,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen)
    rkt.children.append(p)
    return p


def lines_until(p, count):
    """Lines of output to the `count`th "done", without the prefix."""
    out = []
    while count:
        line = p.stdout.readline()
        assert line, (p.wait(), p.stderr.read())
        out.append(line.split("]: ")[-1].strip() if "]: " in line else line.strip())
        count -= out[-1] == "done"
    return out


def holders(inode):
    """Processes of the machine, but this one, that have the socket."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(pid) != os.getpid() and any(os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]" for fd in os.listdir(f"/proc/{pid}/fd")):
                found.add(open(f"/proc/{pid}/cmdline").read().split("\0")[0])
        except OSError:
            continue
    return found


def test_a_socket_reaches_the_app_that_has_a_port_for_it_and_nobody_else(rkt):
    rkt.image("example.com/web", exec=["/bin/sh", "-c", LOOK], user="1000", group="1000", ports=[PORT])
    rkt.image("example.com/other", exec=["/bin/sh", "-c", LOOK])
    (web, port, inode), (stray, stray_port, stray_inode) = listener(), listener()
    p = activated(rkt, [stray, web], "run", "--net=default", f"--port=http:{port}", "example.com/web", "example.com/other", "--restart=on-failure", names="stray.socket:web.socket")
    out = lines_until(p, 2)
    assert "fds=1 names=web.socket mine=yes" in out and "fds= names= mine=" in out, out
    assert sorted(line for line in out if line.startswith(("3=", "4="))) == ["3=", f"3={inode}", "4=", "4="], out
    wait_until(lambda: holders(inode) == {"sleep"}, "the app alone to hold the socket")
    assert holders(stray_inode) == set()
    p.terminate()
    assert p.wait(20) == 0
    assert f'the socket "stray.socket" on tcp port {stray_port} is for no socket-activated port' in p.stderr.read()


def test_sockets_that_nobody_passed_are_made_in_the_pods_network(rkt):
    rkt.image(exec=["/bin/sh", "-c", LOOK.replace("echo done", "cat /proc/net/tcp6; echo done")], ports=[PORT, {**PORT, "name": "dns", "protocol": "udp", "port": 53}])
    p = activated(rkt, [], "run", "--net=none", "example.com/busybox")
    out = lines_until(p, 1)
    assert out[0] == "fds=2 names=http:dns mine=yes", out
    assert any(":0050 " in line and " 0A " in line for line in out), out  # port 80, listening
    p.kill()
    p.wait()
    assert 'warning: no --port option for socket-activated port "http", assuming port 80' in p.stderr.read()


def test_an_image_opens_no_port_of_the_host_and_no_thousands_of_its_own(rkt):
    s, port, inode = listener()
    taken, other, _ = listener()
    taken.close()
    rkt.image(exec=["/bin/sh", "-c", LOOK.replace("exec sleep 1000", "")], ports=[{**PORT, "port": other}, {**PORT, "name": "passed", "port": port}])
    p = activated(rkt, [s], "run", "--net=host", "example.com/busybox")
    assert lines_until(p, 1) == ["fds=1 names=passed mine=yes", f"3={inode}", "4=", "done"]
    assert p.wait(20) == 0 and f'port "http" of app "busybox" gets no socket: none was passed, and on the host\'s tcp port {other} ' in p.stderr.read()
    rkt.image("example.com/many", exec=["/bin/true"], ports=[{**PORT, "port": 1, "count": 65535}])
    err = rkt.run("example.com/many", code=254).err
    assert 'port "http" of app "many": a pod has at most 256 socket-activated ports' in err and err.count("\n") == 1, err


def test_fly_gives_its_app_what_it_was_given(rkt):
    rkt.image(exec=["/bin/sh", "-c", LOOK])
    (a, _, first), (b, _, second) = listener(), listener()
    p = activated(rkt, [a, b], "run", "--stage1-name=coreos.com/rkt/stage1-fly", "example.com/busybox", names="a:b")
    assert lines_until(p, 1) == ["fds=2 names=a:b mine=yes", f"3={first}", f"4={second}", "done"]


def test_an_app_of_a_mutable_pod_gets_its_sockets(rkt):
    rkt.image(exec=["/bin/sh", "-c", LOOK], ports=[PORT], user="1000", group="1000",
              isolators=[{"name": "os/linux/seccomp-retain-set", "value": {"set": ["@rkt/default-whitelist"]}}])
    uuid_file = rkt.tmp / "uuid"
    stray, port, inode = listener()
    p = activated(rkt, [stray], "app", "sandbox", "--net=none", f"--uuid-file-save={uuid_file}")
    wait_until(lambda: uuid_file.exists() and uuid_file.stat().st_size == 36, "the pod's UUID")
    uuid = uuid_file.read_text()
    rkt("status", "--wait-ready=20s", uuid, code=0)
    assert holders(inode) == set()
    rkt("app", "add", uuid, "example.com/busybox", code=0)
    rkt("app", "start", uuid, "--app=busybox", code=0)
    out = lines_until(p, 1)
    assert out[0] == "fds=1 names=http mine=yes" and out[1].startswith("3=") and out[1] != "3=" and out[2] == "4=", out


@pytest.mark.parametrize("count", [2, 5])
def test_descriptors_that_are_not_there_are_an_error(rkt, count):
    rkt.image(exec=["/bin/true"])
    p = activated(rkt, [listener()[0]], "run", "--net=none", "example.com/busybox", count=count)
    assert p.wait(20) == 254
    assert f"LISTEN_FDS={count} is set, but descriptor 4 is not open" in p.stderr.read()


def test_an_app_that_is_started_again_has_its_sockets_again_and_its_handlers_never(rkt):
    look = 'echo "$0 $(stat -L -c %i /proc/self/fd/3 2>/dev/null) ${LISTEN_FDS:-none}"'
    rkt.image(exec=["/bin/sh", "-c", f"{look}; exit 3", "app"], ports=[PORT],
              eventHandlers=[{"name": name, "exec": ["/bin/sh", "-c", look, name]} for name in ("pre-start", "post-stop")])
    s, port, inode = listener()
    p = activated(rkt, [s], "run", "--net=default", f"--port=http:{port}", "example.com/busybox", "--restart=on-failure:1")
    assert p.stdout.read().splitlines() == ["pre-start  none", f"app {inode} 1", "post-stop  none"] * 2
    assert p.wait(20) == 3


def test_a_passed_socket_is_no_way_to_rule_the_hosts_network(rkt):
    """It stays the host's, and ioctl(2) on it would reach there: nobody in the pod has the capabilities for that."""
    look = 'echo "$0 $(sed -n "s/CapBnd:.//p" /proc/self/status)"'
    rkt.image("example.com/web", exec=["/bin/sh", "-c", f"{look}; echo done; exec sleep 1000", "app"], ports=[PORT],
              eventHandlers=[{"name": "pre-start", "exec": ["/bin/sh", "-c", look, "handler"]}])
    rkt.image("example.com/other", exec=["/bin/sh", "-c", f"{look}; echo done; exec sleep 1000", "other"],
              isolators=[{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_CHOWN", "CAP_NET_RAW"]}}])
    s, port, _ = listener()
    run = ["run", "--net=default", f"--port=http:{port}", f"--uuid-file-save={rkt.tmp}/uuid"]
    p = activated(rkt, [s], *run, "example.com/web", "example.com/other")
    default, chown = "00000000a80405fb", "0000000000000001"
    assert sorted(lines_until(p, 2)) == [f"app {default}", "done", "done", f"handler {default}", f"other {chown}"]
    uuid = (rkt.tmp / "uuid").read_text()
    for app, has in (("web", default), ("other", chown)):
        assert rkt("enter", f"--app={app}", uuid, "/bin/sh", "-c", look, "entered", code=0).out == f"entered {has}\n"
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0
    assert [line for line in p.stderr.read().splitlines() if "NET_RAW" in line] == [
        'stage1: warning: app "other" goes without CAP_NET_RAW: the pod is passed a socket of the host\'s network']
    rule = ["example.com/web", "--caps-retain=CAP_NET_ADMIN", "--exec=/bin/true"]
    p = activated(rkt, [s], *run, *rule)
    assert p.wait(20) == 254 and 'app "web" has CAP_NET_ADMIN, and the pod is passed a socket of the host\'s network' in p.stderr.read()
    p = activated(rkt, [s], *run, "--private-users", *rule)  # over that network it is nobody's
    assert p.wait(20) == 0, p.stderr.read()
