# SPDX-License-Identifier: Apache-2.0
"""Images as other tools make and push them: skopeo, buildah, umoci; several platforms under one tag."""
import json
import os
import shutil
import subprocess
import urllib.request

import pytest

from registrylib import sha256
from rktlib import busybox_rootfs, entry, oci_layout

INSECURE = "--insecure-options=image,http"


def base_layer():
    out = [(info, body) for info, body in busybox_rootfs() if info.name != "rootfs"]
    for info, _ in out:
        info.name = info.name.removeprefix("rootfs/")
    return out


def skopeo(*args):
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false", *args], check=True,
                   stdout=subprocess.DEVNULL)


@pytest.fixture
def layout(tmp_path):
    return oci_layout(tmp_path / "oci", [base_layer(), [entry("etc/above", "x")]], {"Cmd": ["/bin/echo", "it runs"], "Env": ["PATH=/bin"]}, how="tar")


def run(rkt, registry, name):
    assert rkt(INSECURE, "run", "--net=none", f"docker://{registry.host}/{name}", code=0).out == "it runs\n"


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_skopeo_compresses_while_it_pushes(rkt, registry, layout, how):
    skopeo(f"--dest-compress-format={how}", "--dest-compress", f"oci:{layout}:latest", f"docker://{registry.host}/t/app:1")
    run(rkt, registry, "t/app:1")


@pytest.mark.parametrize("format", ["oci", "v2s2"])
def test_skopeo_writes_both_formats(rkt, registry, layout, format):
    skopeo(f"--format={format}", f"oci:{layout}:latest", f"docker://{registry.host}/t/app:1")
    run(rkt, registry, "t/app:1")


def test_several_platforms_under_one_tag(rkt, registry, layout):
    def blob(d):
        return os.path.join(layout, "blobs", "sha256", d.split(":")[1])
    path = os.path.join(layout, "index.json")
    mine = json.load(open(path))["manifests"][0]
    image = json.load(open(blob(mine["digest"])))
    config = json.load(open(blob(image["config"]["digest"])))
    other_config = json.dumps({**config, "architecture": "s390x"}).encode()
    image["config"].update(digest=sha256(other_config), size=len(other_config))
    other = json.dumps(image).encode()
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": mine["mediaType"], "digest": sha256(other), "size": len(other), "platform": {"os": "linux", "architecture": "s390x"}},
        {k: mine[k] for k in ("mediaType", "digest", "size")} | {"platform": {"os": "linux", "architecture": config["architecture"]}}]}).encode()
    for data in (other_config, other, index):
        open(blob(sha256(data)), "wb").write(data)
    json.dump({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": sha256(index), "size": len(index),
                                                  "annotations": {"org.opencontainers.image.ref.name": "all"}}]}, open(path, "w"))
    skopeo("--all", f"oci:{layout}:all", f"docker://{registry.host}/t/app:1")
    run(rkt, registry, "t/app:1")
    with urllib.request.urlopen(urllib.request.Request(f"http://{registry.host}/v2/t/app/manifests/1", headers={
            "Accept": "application/vnd.oci.image.index.v1+json"})) as reply:
        assert "image.index" in reply.headers["Content-Type"]
        run(rkt, registry, f"t/app@{reply.headers['Docker-Content-Digest']}")


def test_umoci(rkt, registry, tmp_path):
    image = str(tmp_path / "umoci")
    for args in (["init", "--layout", image], ["new", "--image", f"{image}:it"]):
        subprocess.run(["umoci", *args], check=True, capture_output=True)
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin" / "echo")
    subprocess.run(["umoci", "insert", "--image", f"{image}:it", str(tree / "bin"), "/bin"], check=True, capture_output=True)
    subprocess.run(["umoci", "config", "--image", f"{image}:it", "--config.cmd", "/bin/echo", "--config.cmd", "it runs"], check=True, capture_output=True)
    skopeo(f"oci:{image}:it", f"docker://{registry.host}/t/umoci:1")
    run(rkt, registry, "t/umoci:1")


def test_buildah(rkt, registry, tmp_path):
    def buildah(*args):
        return subprocess.run(["buildah", "--root", str(tmp_path / "storage"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs", *args],
                              check=True, capture_output=True, text=True).stdout.strip()
    name = buildah("from", "scratch")
    buildah("copy", name, "/bin/busybox", "/bin/echo")
    buildah("config", "--cmd", '["/bin/echo", "it runs"]', "--label", "made=here", name)
    buildah("commit", "--format=docker", name, "it")
    buildah("push", "--tls-verify=false", "it", f"docker://{registry.host}/t/buildah:1")
    run(rkt, registry, "t/buildah:1")
    m = json.loads(rkt("image", "cat-manifest", f"127.0.0.1_{registry.port}/t/buildah", code=0).out)
    assert m["app"]["userLabels"]["made"] == "here"
