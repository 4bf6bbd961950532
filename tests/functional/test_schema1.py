# SPDX-License-Identifier: Apache-2.0
"""Images of schema 1, as docker-registry serves them when skopeo pushed them that way."""
import gzip
import json
import os
import subprocess

import pytest

from registrylib import GuardedRegistry, sha256
from rktlib import busybox_rootfs, entry, oci_layout, tar_bytes

INSECURE = "--insecure-options=image,http"
EMPTY_LAYER = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"  # of a step that made none


def base_layer():
    return [(info, body) for info, body in busybox_rootfs() if info.name != "rootfs"]


def without_prefix(entries):
    for info, _ in entries:
        info.name = info.name.removeprefix("rootfs/")
    return entries


@pytest.fixture
def old(registry):
    """docker-registry that takes and serves schema 1."""
    server = GuardedRegistry(os.path.dirname(registry.log_path), compatibility={"schema1": {"enabled": True}})
    yield server
    server.close()


def add_history(oci):
    """Schema 1 has an entry for each step of a build; the last one here made no layer."""
    def read(d):
        return json.loads(open(os.path.join(oci, "blobs", "sha256", d["digest"].split(":")[1])).read())

    def put(d, value):
        data = json.dumps(value).encode()
        d.update(digest=sha256(data), size=len(data))
        open(os.path.join(oci, "blobs", "sha256", d["digest"].split(":")[1]), "wb").write(data)
    index = json.load(open(os.path.join(oci, "index.json")))
    image = read(index["manifests"][0])
    config = read(image["config"])
    config["history"] = [{"created_by": f"step {i}"} for i in range(len(image["layers"]))] + [{"created_by": "CMD", "empty_layer": True}]
    config["created"] = "2020-01-01T00:00:00Z"
    put(image["config"], config)
    put(index["manifests"][0], image)
    json.dump(index, open(os.path.join(oci, "index.json"), "w"))


def push_schema1(server, oci, name):
    add_history(oci)
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", "--format=v2s1", f"oci:{oci}:latest",
                    f"docker://{server.host}/{name}"], check=True, stdout=subprocess.DEVNULL)


def manifest_of(server, name, tag):
    import urllib.request
    with urllib.request.urlopen(f"http://{server.host}/v2/{name}/manifests/{tag}") as reply:
        return reply.read(), reply.headers


def test_it_runs_with_its_config_and_its_layers(rkt, old, tmp_path):
    oci = oci_layout(tmp_path / "oci", [without_prefix(base_layer()), [entry("data"), entry("data/x", "from above")]],
                     {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["cat /data/x; echo $GREETING"], "Env": ["PATH=/bin", "GREETING=hi"]})
    push_schema1(old, oci, "team/old:1")
    assert json.loads(manifest_of(old, "team/old", "1")[0])["schemaVersion"] == 1
    r = rkt(INSECURE, "run", "--net=none", f"docker://{old.host}/team/old:1", code=0)
    assert r.out == "from abovehi\n"
    def images():
        return {i["id"] for i in json.loads(rkt("image", "list", "--format=json", code=0).out)}
    before = images()
    rkt(INSECURE, "fetch", f"docker://{old.host}/team/old:1", code=0)
    assert images() == before  # the same bytes are the same image


def test_a_digest_is_over_what_was_signed(rkt, old, tmp_path):
    push_schema1(old, oci_layout(tmp_path / "oci", [[entry("hello", "x")]], {"Cmd": ["/hello"]}), "team/old:1")
    _, headers = manifest_of(old, "team/old", "1")
    digest = headers["Docker-Content-Digest"]
    rkt(INSECURE, "fetch", f"docker://{old.host}/team/old@{digest}", code=0)


def test_a_stored_layer_with_another_content_is_refused(rkt, old, tmp_path):
    """What layers unpack to is found out from their bytes: only the digest in the signed manifest says which these are."""
    push_schema1(old, oci_layout(tmp_path / "oci", [[entry("hello", "x")]], {"Cmd": ["/hello"]}), "team/old:1")
    push_schema1(old, str(tmp_path / "oci"), "team/old:2")
    rkt(INSECURE, "fetch", f"docker://{old.host}/team/old:1", code=0)
    (layer,) = {b["blobSum"] for b in json.loads(manifest_of(old, "team/old", "1")[0])["fsLayers"]} - {EMPTY_LAYER}
    (blob,) = (rkt.data / "cas" / "blobs").rglob("sha256-" + layer.removeprefix("sha256:"))
    blob.write_bytes(gzip.compress(tar_bytes([entry("hello", "other")])))
    r = rkt(INSECURE, "fetch", f"docker://{old.host}/team/old:2", code=254)
    assert f"layer {layer} has another content" in r.err and "rkt store check --repair" in r.err


def test_what_does_not_match_is_refused(rkt, web, old, tmp_path):
    push_schema1(old, oci_layout(tmp_path / "oci", [[entry("hello", "x")]], {"Cmd": ["/hello"]}), "team/old:1")
    data, headers = manifest_of(old, "team/old", "1")
    kind = {"Content-Type": headers["Content-Type"]}

    def serve(path, body):
        web.hooks[path] = lambda h: h.reply(200, body, kind) or True
    serve("/v2/team/else/manifests/1", data)
    assert 'asked for "team/else", the manifest is of "team/old"' in rkt(INSECURE, "fetch", f"docker://{web.address}/team/else:1", code=254).err
    serve("/v2/team/old/manifests/2", data)
    assert 'asked for tag "2", the manifest is of "1"' in rkt(INSECURE, "fetch", f"docker://{web.address}/team/old:2", code=254).err
    digest = headers["Docker-Content-Digest"]
    other = data.replace(b'"tag":"1"', b'"tag":"7"').replace(b'"tag": "1"', b'"tag": "7"')
    assert other != data
    serve(f"/v2/team/old/manifests/{digest}", other)
    r = rkt(INSECURE, "fetch", f"docker://{web.address}/team/old@{digest}", code=254)
    assert 'its signatures are about another "tag"' in r.err or digest in r.err
    image = json.loads(data)
    serve("/v2/team/old/manifests/1", data)
    layer = image["fsLayers"][-1]["blobSum"]
    web.hooks[f"/v2/team/old/blobs/{layer}"] = lambda h: h.reply(200, b"something else") or True
    assert layer in rkt(INSECURE, "fetch", f"docker://{web.address}/team/old:1", code=254).err
    assert sha256(b"something else") != layer and rkt("image", "list", "--format=json", code=0).out == "null\n"
