# SPDX-License-Identifier: Apache-2.0
"""Docker and OCI images: from a real registry and from layouts, layers stacked, the tree identical to umoci's."""
import json
import os
import subprocess

import pytest

from rktlib import busybox_rootfs, entry, oci_layout, tar_bytes
from treecmp import compare

INSECURE = "--insecure-options=image,http"


def base_layer(extra=()):
    entries = []
    for info, body in busybox_rootfs(extra):
        if info.name == "rootfs":
            continue
        info.name = info.name[len("rootfs/"):]
        entries.append((info, body))
    return entries


def layer(*entries):
    return list(entries)


def test_a_registry_image_runs_with_its_config(rkt, registry, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo $GREETING; id -u; pwd; exit 5"],
                                                       "Env": ["PATH=/bin", "GREETING=hi there"], "User": "worker", "WorkingDir": "/tmp",
                                                       "Labels": {"l": "v"}, "ExposedPorts": {"80/tcp": {}}})
    ref = registry.push(f"oci:{oci}:latest", "test/busybox:1.0")
    r = rkt(INSECURE, "run", "--net=none", ref, code=5)
    assert r.out == "hi there\n1000\n/tmp\n"
    m = json.loads(rkt("image", "cat-manifest", f"127.0.0.1_{registry.port}/test/busybox", code=0).out)
    assert {"name": "version", "value": "1.0"} in m["labels"] and m["app"]["ports"][0]["name"] == "80-tcp"
    assert any(a["name"] == "appc.io/docker/repository" for a in m["annotations"])


def test_a_user_without_a_group_has_the_groups_of_the_images_account(rkt, tmp_path):
    accounts = [entry("etc/passwd", "worker:x:1000:50::/:/bin/sh\n"), entry("etc/group", "staff:x:50:worker\nworker:x:1000:\nextra:x:2000:a,worker\n")]
    for user, flags, ids in (("worker", [], "50 50 2000"), ("1000", ["--stage1-name=coreos.com/rkt/stage1-fly"], "50 50 2000"), ("1000:1000", [], "1000 1000")):
        oci = oci_layout(tmp_path / f"oci-{ids[:2]}-{user[:2]}", [base_layer(), accounts],
                         {"Cmd": ["/bin/sh", "-c", "echo $(id -g) $(id -G)"], "Env": ["PATH=/bin"], "User": user})
        assert rkt(INSECURE, "run", *flags, "--net=" + ("host" if flags else "none"), f"oci:{oci}", code=0).out == ids + "\n"


@pytest.mark.parametrize("how", ["gzip", "zstd", "tar"])
def test_layer_compressions(rkt, tmp_path, how):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Cmd": ["/bin/echo", "ok"], "Env": ["PATH=/bin"]}, how=how)
    assert rkt(INSECURE, "run", "--net=none", f"oci:{oci}", code=0).out == "ok\n"


def test_a_layout_directory_and_a_tar_of_it(rkt, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Cmd": ["/bin/echo", "ok"], "Env": ["PATH=/bin"]})
    subprocess.run(["tar", "-C", oci, "-cf", str(tmp_path / "oci.tar"), "."], check=True)
    rkt(INSECURE, "fetch", f"oci:{oci}:latest", code=0)
    assert rkt(INSECURE, "run", "--net=none", f"oci:{tmp_path}/oci.tar", code=0).out == "ok\n"


def test_whiteouts_opaque_directories_and_links_across_layers(rkt, tmp_path):
    lower = base_layer() + layer(entry("data"), entry("data/gone", "x"), entry("data/stays", "y"), entry("opaque", mode=0o750, uid=5), entry("opaque/old", "o"),
                                 entry("deep"), entry("deep/dir", mode=0o2711, uid=7, gid=8), entry("deep/dir/a", "a", uid=9))
    upper = layer(entry("data/.wh.gone", ""), entry("opaque/new", "n"), entry("opaque/.wh..wh..opq", ""),
                  (lambda e: e)(entry("linked", type=b"1", link="data/stays")), entry("deep/dir/b", "b"))
    script = "ls data opaque deep/dir; cat linked; stat -c '%a %u %g' deep/dir; stat -c %h data/stays"
    oci = oci_layout(tmp_path / "oci", [lower, upper], {"Cmd": ["/bin/sh", "-c", script], "Env": ["PATH=/bin"], "WorkingDir": "/"})
    out = rkt(INSECURE, "run", "--net=none", f"oci:{oci}", code=0).out
    assert "gone" not in out and "old" not in out and "new" in out
    assert "y2711 7 8\n" in out, out


@pytest.mark.parametrize("backend", ["dir", "erofs"])
def test_whiteouts_with_nothing_below_are_nowhere(rkt, tmp_path, backend):
    ghosts = [layer(entry(d), entry(f"{d}/.wh.ghost", ""), entry(f"{d}/real", ""), entry("missing/.wh.x", ""), entry("bin/busybox/.wh.x", "")) for d in ("one", "two")]
    script = "cp -a one two copies && rm -r one two && ls copies/* && ls -d missing"
    made = {"Cmd": ["/bin/busybox", "sh", "-c", f"mkdir copies; {script}"], "Env": ["PATH=/bin"], "WorkingDir": "/"}
    oci = oci_layout(tmp_path / "oci", [base_layer() + ghosts[0], ghosts[1]], made)
    key = rkt(INSECURE, f"--tree-backend={backend}", "fetch", "--full", f"oci:{oci}", code=0).out.strip()
    r = rkt(INSECURE, f"--tree-backend={backend}", "run", "--net=none", key)
    assert r.code != 0 and r.out == "copies/one:\nreal\n\ncopies/two:\nreal\n", r
    rkt("image", "render", "--rootfs-only", key, tmp_path / "out", code=0)
    assert os.listdir(tmp_path / "out" / "two") == ["real"]


def test_other_spellings_of_a_reference_are_the_same_image(rkt, registry, tmp_path):
    ref = registry.push(f"oci:{oci_layout(tmp_path / 'one', [base_layer()], {'Cmd': ['/bin/true']})}:latest", "t/spelled")
    stored = rkt(INSECURE, "fetch", ref, code=0).out
    for same in (f"{ref}:latest", ref.replace("docker://", "docker:")):
        assert rkt(INSECURE, "fetch", "--pull-policy=never", same, code=0).out == stored
    for other in (f"{ref}:1", f"{ref}2", ref.replace("127.0.0.1:", "127.0.0.1_"), f"{ref}@sha256:{'a' * 64}"):
        rkt(INSECURE, "fetch", "--pull-policy=never", other, code=254)


def test_a_reference_that_was_removed_brings_none_of_its_older_images_back(rkt, registry, tmp_path):
    def push(n):
        return registry.push(f"oci:{oci_layout(tmp_path / str(n), [base_layer()], {'Cmd': [f'/{n}']})}:latest", "t/moves")
    stored = [rkt(INSECURE, "fetch", push(n), code=0).out for n in (1, 2)]
    ref = push(3)
    assert rkt(INSECURE, "fetch", "--pull-policy=new", ref, code=0).out == stored[1]
    rkt("image", "rm", ref, code=0)
    rkt(INSECURE, "fetch", "--pull-policy=never", ref, code=254)
    assert "is not in the store" in rkt("image", "cat-manifest", ref, code=254).err
    assert rkt(INSECURE, "fetch", "--pull-policy=new", ref, code=0).out not in stored


def test_shared_layers_are_downloaded_once(rkt, registry, tmp_path):
    base = base_layer()
    one = registry.push(f"oci:{oci_layout(tmp_path / 'one', [base, layer(entry('one', '1'))], {'Cmd': ['/bin/true']})}:latest", "t/one")
    two = registry.push(f"oci:{oci_layout(tmp_path / 'two', [base, layer(entry('two', '2'))], {'Cmd': ['/bin/true']})}:latest", "t/two")
    before = len(registry.blob_gets())
    rkt(INSECURE, "fetch", one, code=0)
    rkt(INSECURE, "fetch", two, code=0)
    digests = [line.split("/blobs/")[1].split('"')[0].split(" ")[0] for line in registry.blob_gets()[before:]]
    assert len(digests) == len(set(digests)), digests


@pytest.mark.parametrize("image", ["debian", "layers"])
def test_real_trees_equal_umocis(rkt, cache, tmp_path, image):
    rkt(INSECURE, "fetch", f"oci:{cache}/oci:{image}", code=0)
    key = json.loads(rkt("image", "list", "--format=json", code=0).out)[0]["id"]
    rkt("image", "render", "--rootfs-only", key, tmp_path / "ours", code=0)
    subprocess.run(["umoci", "unpack", "--image", f"{cache}/oci:{image}", str(tmp_path / "theirs")], check=True, stderr=subprocess.DEVNULL)
    assert compare(str(tmp_path / "ours"), str(tmp_path / "theirs/rootfs")) == []


def test_a_wrong_digest_is_refused(rkt, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Cmd": ["/bin/true"]})
    blobs = os.path.join(oci, "blobs", "sha256")
    biggest = max(os.listdir(blobs), key=lambda n: os.path.getsize(os.path.join(blobs, n)))
    with open(os.path.join(blobs, biggest), "r+b") as f:
        f.seek(1000)
        f.write(b"tampered")
    r = rkt(INSECURE, "fetch", f"oci:{oci}", code=254)
    assert "sha256:" in r.err and len(r.complaints) == 1
    assert rkt("image", "list", "--format=json", code=0).out == "null\n"


def test_a_registry_that_lies_about_a_layer_is_refused(rkt, web, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Cmd": ["/bin/true"]})
    index = json.load(open(os.path.join(oci, "index.json")))
    top = index["manifests"][0]["digest"]
    read = lambda d: open(os.path.join(oci, "blobs", "sha256", d.split(":")[1]), "rb").read()
    image = json.loads(read(top))
    web.hooks["/v2/"] = lambda h: h.reply(200, b"{}") or True
    web.hooks["/v2/t/x/manifests/latest"] = lambda h: h.reply(200, read(top), {"Content-Type": image["mediaType"]}) or True
    web.hooks["/v2/t/x/blobs/" + image["config"]["digest"]] = lambda h: h.reply(200, read(image["config"]["digest"])) or True
    good = read(image["layers"][0]["digest"])
    for bad in (b"X" + good[1:], good + b"more", good[:-10]):
        web.hooks["/v2/t/x/blobs/" + image["layers"][0]["digest"]] = lambda h, bad=bad: h.reply(200, bad) or True
        r = rkt(INSECURE, "fetch", f"docker://{web.address}/t/x", code=254)
        assert image["layers"][0]["digest"] in r.err and len(r.complaints) == 1, r
        assert [f for f in (rkt.data / "cas").rglob("*") if f.is_file() and f.parent.name not in ("cas", "locks")] == []
        assert rkt("image", "list", "--format=json", code=0).out == "null\n"
    web.hooks["/v2/t/x/blobs/" + image["layers"][0]["digest"]] = lambda h: h.reply(200, good) or True
    rkt(INSECURE, "fetch", f"docker://{web.address}/t/x", code=0)


def test_token_authentication(rkt, web, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Cmd": ["/bin/true"]})
    top = json.load(open(os.path.join(oci, "index.json")))["manifests"][0]["digest"]

    def guarded(h):
        if h.headers.get("Authorization") != "Bearer sesame":
            h.reply(401, b"{}", {"WWW-Authenticate": f'Bearer service="reg, istry",scope="repository:t/x:pull,push",realm="{web.url}/token"'})
            return True
        digest = top if "/manifests/" in h.path else h.path.split("/blobs/")[-1]
        if h.path == "/v2/":
            h.reply(200, b"{}")
            return True
        data = open(os.path.join(oci, "blobs", "sha256", digest.split(":")[1]), "rb").read()
        h.reply(200, data, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"} if "/manifests/" in h.path else {})
        return True

    class Everything(dict):
        def get(self, path, default=None):
            return guarded if path.startswith("/v2/") else super().get(path, default)
    web.hooks = Everything({"/token": lambda h: h.reply(200, json.dumps({"access_token": "sesame"}).encode()) or True})
    rkt(INSECURE, "fetch", f"docker://{web.address}/t/x:latest", code=0)
    assert any("scope=repository" in r[1] for r in web.log if r[1].startswith("/token"))


def test_an_index_gives_this_machines_image(rkt, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer()], {"Cmd": ["/bin/echo", "mine"], "Env": ["PATH=/bin"]})
    path = os.path.join(oci, "index.json")
    index = json.load(open(path))
    mine = index["manifests"][0]
    goarch = json.loads(open(os.path.join(oci, "blobs/sha256", json.loads(open(os.path.join(
        oci, "blobs/sha256", mine["digest"].split(":")[1])).read())["config"]["digest"].split(":")[1])).read())["architecture"]
    inner = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {**mine, "digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "riscv64"}},
        {**mine, "platform": {"os": "linux", "architecture": goarch}}]}
    import hashlib
    data = json.dumps(inner).encode()
    digest = hashlib.sha256(data).hexdigest()
    open(os.path.join(oci, "blobs/sha256", digest), "wb").write(data)
    json.dump({"schemaVersion": 2, "manifests": [{"mediaType": inner["mediaType"], "digest": "sha256:" + digest, "size": len(data)}]}, open(path, "w"))
    assert rkt(INSECURE, "run", "--net=none", f"oci:{oci}", code=0).out == "mine\n"


def test_a_layer_that_is_no_tar_is_an_error_not_empty(rkt, tmp_path):
    oci = oci_layout(tmp_path / "oci", [base_layer(), b"this is not a tar archive at all" * 100], {"Cmd": ["/bin/true"]})
    rkt(INSECURE, "fetch", f"oci:{oci}", code=254)


def test_docker_volumes_are_seeded_from_the_image(rkt, tmp_path):
    content = base_layer() + layer(entry("data", mode=0o750, uid=1000, gid=1000), entry("data/seed", "from image", uid=1000, mode=0o640))
    oci = oci_layout(tmp_path / "oci", [content], {"Cmd": ["/bin/sh", "-c", "cat /data/seed; stat -c ' %a %u' /data; echo w > /data/new"],
                                                  "Volumes": {"/data": {}}, "Env": ["PATH=/bin"]})
    r = rkt(INSECURE, "run", "--net=none", f"oci:{oci}", code=0)
    assert r.out == "from image 750 1000\n"
    assert 'warning: no volume specified for mount point "volume-data"' in r.err
    assert 'Docker converted image, initializing implicit volume with data contained at the mount point "volume-data".\n' in r.err
