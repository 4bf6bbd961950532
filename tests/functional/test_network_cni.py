# SPDX-License-Identifier: Apache-2.0
"""The CNI specification up to 1.1.0 as the plugins of this test see it: what they are asked, in which order, with what."""
import json
import os
import shutil
import subprocess

import pytest

from netlib import SLEEP, lan, network, state_of  # noqa: F401
from rktlib import wait_until

# Writes down every call; answers with DIR/COMMAND.error and status 1 where that file is.
PLUGIN = r"""#!/bin/sh
here=$(dirname "$0"); name=$(basename "$0")
printf '{"plugin":"%s","command":"%s","id":"%s","if":"%s","netns":"%s","args":"%s","input":%s}\n' \
  "$name" "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_IFNAME" "$CNI_NETNS" "$CNI_ARGS" "$(cat)" >> "$here/calls"
if [ -e "$here/$CNI_COMMAND.error" ]; then cat "$here/$CNI_COMMAND.error"; exit 1; fi
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"1.1.0","supportedVersions":['$(cat "$here/$name.versions" 2>/dev/null || echo '"0.4.0","1.0.0","1.1.0"')']}';;
ADD) echo '{"cniVersion":"1.1.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'","mtu":1400}],
  "ips":[{"address":"10.97.0.2/24","interface":0},{"address":"fd97::2/64","interface":0}],"dns":{"nameservers":["10.97.0.1"]}}';;
esac
"""


@pytest.fixture
def plugins(rkt):
    """Plugins `one` and `two` in the configuration directory; plugins(): the calls so far, plugins.error(COMMAND, CODE): how they fail."""
    place = rkt.etc / "net.d"
    place.mkdir(parents=True)
    for name in ("one", "two"):
        (place / name).write_text(PLUGIN)
        (place / name).chmod(0o755)

    def calls(*commands):
        lines = (place / "calls").read_text().splitlines() if (place / "calls").exists() else []
        found = [json.loads(line) for line in lines]
        return [c for c in found if not commands or c["command"] in commands]

    def error(command, code, msg):
        (place / f"{command}.error").write_text(json.dumps({"cniVersion": "1.1.0", "code": code, "msg": msg}))

    def works(command):
        (place / f"{command}.error").unlink()
    calls.place, calls.error, calls.works = place, error, works
    yield calls
    shutil.rmtree("/run/rkt/networks/net", ignore_errors=True)


def chain(rkt, *plugins, version="1.1.0", **more):
    network(rkt, {"cniVersion": version, "name": "net", "plugins": [{"type": p} if isinstance(p, str) else p for p in plugins], **more})


def said(calls):
    return [f"{c['plugin']} {c['command']}" for c in calls]


def end(rkt, process, uuid):
    process.kill()
    process.wait()
    wait_until(lambda: rkt.status(uuid)["state"] == "exited", "the pod to be exited")


def test_a_chain_is_added_checked_and_deleted(rkt, plugins):
    chain(rkt, "one", {"type": "two", "key": [1]})
    rkt.image(exec=SLEEP)
    p, uuid = rkt.start_pod("example.com/busybox", net="net:A=b")
    one, two = plugins()
    assert said([one, two]) == ["one ADD", "two ADD"]
    assert (one["id"], one["if"], one["args"]) == (uuid, "eth0", "IgnoreUnknown=1;A=b") and one["netns"].startswith("/run/netns/cni-")
    assert one["input"] == {"cniVersion": "1.1.0", "name": "net", "type": "one"}
    result = two["input"].pop("prevResult")
    assert two["input"] == {"cniVersion": "1.1.0", "name": "net", "type": "two", "key": [1]}
    assert result["interfaces"][0]["mtu"] == 1400 and state_of(rkt, uuid)[0]["result"] == result
    # The configuration of ADD counts, whatever the administrator has made of it.
    chain(rkt, "two")
    rkt("net", "status", "net", code=0)
    assert said(plugins("CHECK")) == ["one CHECK", "two CHECK"] and all(c["input"]["prevResult"] == result for c in plugins("CHECK"))
    end(rkt, p, uuid)
    rkt("gc", "--grace-period=0s", code=0)
    assert said(plugins("DEL")) == ["two DEL", "one DEL"]
    assert all(c["input"]["prevResult"] == result and c["netns"] for c in plugins("DEL"))
    assert plugins("DEL")[0]["input"]["key"] == [1]


def test_what_a_network_disables_is_not_asked(rkt, plugins):
    chain(rkt, "one", disableCheck="True", disableGC=True)
    rkt.image(exec=SLEEP)
    rkt.start_pod("example.com/busybox", net="net")
    rkt("net", "status", "net", code=0)
    rkt("gc", code=0)
    assert said(plugins()) == ["one ADD", "one STATUS"]


def test_an_add_that_fails_is_deleted_and_nothing_is_left(rkt, plugins):
    chain(rkt, "one", "two")
    plugins.error("ADD", 11, "pool is being refilled")
    rkt.image(exec=["/bin/true"])
    err = rkt.run("example.com/busybox", net="net", code=254).err
    assert 'error adding network "net": pool is being refilled' in err and "try again later" in err
    assert said(plugins()) == ["one ADD", "two DEL", "one DEL"]
    assert os.listdir("/run/rkt/networks/net") == ["lock"]


def test_a_del_that_fails_is_tried_again_and_an_unknown_container_is_none(rkt, plugins):
    chain(rkt, "one")
    rkt.image(exec=SLEEP)
    p, uuid = rkt.start_pod("example.com/busybox", net="net")
    plugins.error("DEL", 100, "not now")
    end(rkt, p, uuid)
    cgroups = rkt.data / "pods/run" / uuid / "cgroups"
    saved = cgroups.rename(rkt.tmp / "cgroups")
    cgroups.mkdir()
    err = rkt("gc", "--grace-period=0s", code=254).err
    assert "not now" in err and '"cgroups": is a directory; error tearing down the networks' in err, "neither hides the other"
    (rkt.data / "pods/exited-garbage" / uuid / "cgroups").rmdir()
    saved.rename(rkt.data / "pods/exited-garbage" / uuid / "cgroups")
    # Networks are collected all the same: what the pod that is kept has there is still its own.
    assert plugins("GC")[-1]["input"]["cni.dev/valid-attachments"] == [{"containerID": uuid, "ifname": "eth0"}]
    plugins.error("DEL", 3, "who is that")
    rkt("gc", "--grace-period=0s", code=0)
    assert rkt.pods() == []
    plugins.works("DEL")


def test_capabilities_get_what_the_operator_gives(rkt, plugins):
    chain(rkt, {"type": "one", "capabilities": {"ips": True, "mac": True, "portMappings": True, "dns": False}},
          {"type": "two", "capabilities": {"portMappings": True, "bandwidth": True, "aliases": True}})
    rkt.image(exec=["/bin/true"], ports=[{"name": "www", "protocol": "tcp", "port": 80}])
    rkt.run("--port=www:10.0.0.1:8080", "example.com/busybox",
            net="net:IP=10.97.0.9;ips=10.97.0.9/24;ips=fd97::9;mac=02:00:00:00:00:01;bandwidth.ingressRate=1000;bandwidth.ingressBurst=2000;aliases=a", code=0)
    one, two = plugins("ADD")
    mappings = [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "10.0.0.1"}]
    assert one["args"] == "IgnoreUnknown=1;IP=10.97.0.9" and "capabilities" not in one["input"]
    assert one["input"]["runtimeConfig"] == {"ips": ["10.97.0.9/24", "fd97::9"], "mac": "02:00:00:00:00:01", "portMappings": mappings}
    assert two["input"]["runtimeConfig"] == {"bandwidth": {"ingressRate": 1000, "ingressBurst": 2000}, "aliases": ["a"], "portMappings": mappings}
    assert all("runtimeConfig" in c["input"] for c in plugins("DEL"))
    err = rkt.run("example.com/busybox", net="net:dns.servers=10.0.0.1", code=254).err
    assert 'no plugin of the network declares the capability "dns"' in err


def test_plugins_agree_on_a_version(rkt, plugins):
    chain(rkt, "one", "two", version="0.4.0", cniVersions=["1.0.0", "1.1.0", "2.0.0"])
    (plugins.place / "two.versions").write_text('"0.4.0","1.0.0"')
    rkt.image(exec=["/bin/true"])
    rkt.run("example.com/busybox", net="net", code=0)
    assert said(plugins())[:4] == ["one VERSION", "two VERSION", "one ADD", "two ADD"]
    assert {c["input"]["cniVersion"] for c in plugins("ADD", "DEL")} == {"1.0.0"}
    (plugins.place / "two.versions").write_text('"0.3.1"')
    assert "speaks versions 0.3.1 of CNI" in rkt.run("example.com/busybox", net="net", code=254).err
    chain(rkt, "one", version="2.0.0")
    assert "needs version 2.0.0 of CNI, and 1.1.0 is spoken here" in rkt.run("example.com/busybox", net="net", code=254).err


def test_gc_names_the_valid_attachments(rkt, plugins):
    chain(rkt, "one", "two")
    rkt.image(exec=SLEEP)
    p, dead = rkt.start_pod("example.com/busybox", net="net")
    _, alive = rkt.start_pod("example.com/busybox", net="net")
    end(rkt, p, dead)
    rkt("gc", "--mark-only", code=0)
    assert plugins("GC") == []
    rkt("gc", code=0)  # the dead one is within its grace period
    both = sorted([{"containerID": u, "ifname": "eth0"} for u in (dead, alive)], key=lambda a: a["containerID"])
    assert said(plugins("GC")) == ["one GC", "two GC"]
    assert all(c["input"]["cni.dev/valid-attachments"] == both == c["input"]["cni.dev/attachments"] and c["id"] == "" for c in plugins("GC"))
    # A pod of another data directory on the same network is as valid.
    other = rkt.tmp / "other"
    argv = [a if not a.startswith("--dir=") else f"--dir={other}" for a in rkt.argv("gc", "--grace-period=0s")]
    subprocess.run(argv, check=True, env=rkt.env, capture_output=True)
    assert [a["containerID"] for a in plugins("GC")[-1]["input"]["cni.dev/valid-attachments"]] == sorted([dead, alive])
    rkt("gc", "--grace-period=0s", code=0)
    assert plugins("GC")[-1]["input"]["cni.dev/valid-attachments"] == [{"containerID": alive, "ifname": "eth0"}]
    plugins.error("GC", 5, "disk is full")
    assert 'error collecting network "net": one: disk is full' in rkt("gc", code=254).err
    assert said(plugins("GC"))[-2:] == ["one GC", "two GC"]  # the second is told all the same
    plugins.works("GC")


def test_net_status_says_what_plugins_say(rkt, plugins):
    chain(rkt, "one")
    rkt.image(exec=SLEEP)
    _, uuid = rkt.start_pod("example.com/busybox", net="net")
    [report] = json.loads(rkt("net", "status", "--format=json", "net", code=0).out)
    assert report["ok"] and report["served_by"] == "plugins" and report["plugins"] == ["one"] and report["cni_version"] == "1.1.0"
    assert report["pods"] == [{"pod": uuid, "state": "running", "interface": "eth0", "addresses": ["10.97.0.2/24", "fd97::2/64"], "ports": [], "ok": True}]
    plugins.error("STATUS", 50, "no route to the controller")
    plugins.error("CHECK", 101, "the link has vanished")
    out = rkt("net", "status", "net", code=1).out
    assert "one: no route to the controller" in out and "the link has vanished" in out and uuid[:8] in out
    assert "networks not found: other" in rkt("net", "status", "other", code=254).err


def test_plugins_beside_a_list_and_in_the_shared_directory(rkt, plugins, tmp_path):
    """/etc/cni/net.d is read last: for names that nobody else has."""
    chain(rkt, "one")
    (plugins.place / "net").mkdir()
    (plugins.place / "net" / "10-more.conf").write_text('{"type":"two"}')
    rkt.image(exec=["/bin/sh", "-c", "cat /etc/resolv.conf"])
    out = rkt.run("example.com/busybox", net="net", code=0).out
    assert said(plugins("ADD")) == ["one ADD", "two ADD"] and "nameserver 10.97.0.1" in out
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "05-bad.conf").write_text("{")
    (shared / "10-net.conflist").write_text('{"cniVersion":"1.1.0","name":"net","plugins":[{"type":"nowhere"}]}')
    (shared / "20-k8s.json").write_text('{"cniVersion":"1.1.0","name":"k8s","type":"two"}')

    def here(*args):
        script = 'mkdir -p /etc/cni/net.d && mount --bind "$0" /etc/cni/net.d && exec "$@"'
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, shared, *rkt.argv(*args)], capture_output=True, text=True, env=rkt.env)
    made = not os.path.exists("/etc/cni/net.d")
    try:
        for net in ("net", "k8s"):
            r = here("run", f"--net={net}", "example.com/busybox")
            assert r.returncode == 0, r.stderr
        assert said(plugins("ADD"))[2:] == ["one ADD", "two ADD", "two ADD"]
        listed = json.loads(here("net", "list", "--format=json").stdout)
        assert {n["name"]: os.path.basename(n["configuration"]) for n in listed} == {
            "net": "10-net.conflist", "k8s": "20-k8s.json", "default": "", "default-restricted": ""}
        assert next(n for n in listed if n["name"] == "net")["plugins"] == ["one", "two"]
    finally:
        if made:
            os.removedirs("/etc/cni/net.d")
