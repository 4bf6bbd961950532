# SPDX-License-Identifier: Apache-2.0
"""The log mode k8s-plain: what apps write is in files of the host, too, where annotations say."""
import json
import re

from test_mutable import ended, start_sandbox

MODE, DIRECTORY, PATH = (f"coreos.com/rkt/experiment/{name}" for name in ("logmode", "kubernetes-log-dir", "kubernetes-log-path"))
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (std(?:out|err) .*)")
SCRIPT = ["/bin/sh", "-c", "echo out; echo err >&2; /bin/busybox logger -t me said"]


def lines(file):
    return [LINE.fullmatch(line)[1] for line in file.read_text().splitlines()]


def annotations(**values):
    return [{"name": f"coreos.com/rkt/experiment/{k.replace('_', '-')}", "value": str(v)} for k, v in values.items()]


def manifest(rkt, image, pod, *apps):
    m = {"acVersion": "0.8.11", "acKind": "PodManifest", "annotations": annotations(**pod),
         "apps": [{"name": f"app{i}", "image": {"id": image.id}, "annotations": annotations(**a)} for i, a in enumerate(apps)]}
    f = rkt.tmp / "pod.json"
    f.write_text(json.dumps(m))
    return f"--pod-manifest={f}"


def test_a_pod_logs_to_the_hosts_files(rkt):
    image = rkt.image(exec=SCRIPT)
    logs = rkt.tmp / "logs"
    logs.mkdir()
    pod = {"logmode": "k8s-plain", "kubernetes_log_dir": logs}
    for _ in range(2):  # what a pod before has left is emptied
        rkt.run(manifest(rkt, image, pod, {"kubernetes_log_path": "a_0.log"}, {"kubernetes_log_path": "b_0.log"}),
                f"--uuid-file-save={rkt.tmp}/uuid", code=0)
        for name in ("a_0.log", "b_0.log"):
            assert sorted(lines(logs / name)) == ["stderr err", "stderr me: said", "stdout out"]
    r = rkt("logs", (rkt.tmp / "uuid").read_text(), "app0", code=0)
    assert r.out == "out\n" and sorted(r.err.splitlines()) == ["err", "me: said"]


def test_apps_of_a_mutable_pod_log_there_too(rkt):
    rkt.image(exec=SCRIPT)
    p, uuid = start_sandbox(rkt, f"--annotation={MODE}=k8s-plain", f"--annotation={DIRECTORY}={rkt.tmp}")
    assert "without a directory" in rkt("app", "add", uuid, "example.com/busybox", "--name=b", f"--annotation={PATH}=../x", code=254).err
    rkt("app", "add", uuid, "example.com/busybox", "--name=a", f"--annotation={PATH}=a.log", code=0)
    r = rkt("app", "add", uuid, "example.com/busybox", "--name=c", f"--annotation={PATH}=a.log", code=254)
    assert 'apps "a" and "c" have the same kubernetes-log-path, "a.log"' in r.err
    rkt("app", "start", uuid, "--app=a", code=0)
    ended(rkt, uuid, "a")
    assert len(lines(rkt.tmp / "a.log")) == 3
    rkt("stop", uuid, code=0)
    assert p.wait(20) == 0


def test_what_cannot_be_logged_to_keeps_the_pod_from_starting(rkt):
    image = rkt.image(exec=["/bin/sh", "-c", "echo ran"])
    mode, there = {"logmode": "k8s-plain"}, {"logmode": "k8s-plain", "kubernetes_log_dir": "/dev"}
    for pod, apps, text in (
            (mode, [{}], f"annotation {DIRECTORY} is missing: log mode k8s-plain needs it"),
            (there, [{"kubernetes_log_path": "a/b"}], f'app "app0": annotation {PATH} is "a/b": it must be the name of a file'),
            (there, [{"kubernetes_log_path": "a"}] * 2, 'apps "app0" and "app1" have the same kubernetes-log-path, "a"'),
            (there, [{"kubernetes_log_path": "null"}], 'log "/dev/null": it is no file')):
        r = rkt.run(manifest(rkt, image, pod, *apps), code=254)
        assert text in r.err and len(r.complaints) == 1 and r.out == "", r
