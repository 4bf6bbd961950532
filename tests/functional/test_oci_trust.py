# SPDX-License-Identifier: Apache-2.0
"""Docker and OCI images are used only when a trusted key has signed them. Signatures are made here, byte by byte, with openssl and gpg."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import urllib.request

import pytest

from rktlib import busybox_rootfs, entry, oci_layout

HTTP = "--insecure-options=http"
INSECURE = "--insecure-options=image,http"
COSIGN_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ACCEPT = ", ".join([MANIFEST, INDEX, "application/vnd.docker.distribution.manifest.v2+json"])


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def images(rkt):
    """What was fetched, without the stage1 that a run needs."""
    found = json.loads(rkt("image", "list", "--format=json", code=0).out) or []
    return [i for i in found if not i["name"].startswith("coreos.com/rkt/stage1-")]


class PemKey:
    """A key pair made by openssl genpkey."""

    def __init__(self, root, kind, name="key"):
        options = {"p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "ed25519": ["-algorithm", "ED25519"],
                   "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}[kind]
        self.kind, self.private, self.public = kind, str(root / f"{name}-{kind}.pem"), str(root / f"{name}-{kind}.pub")
        subprocess.run(["openssl", "genpkey", *options, "-out", self.private], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public], check=True)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.public, "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
        self.fingerprint = sha256(der)

    def sign(self, data):
        how = ["pkeyutl", "-sign", "-rawin", "-inkey", self.private, "-in"] if self.kind == "ed25519" else ["dgst", "-sha256", "-sign", self.private]
        path = self.private + ".data"
        with open(path, "wb") as f:
            f.write(data)
        return subprocess.run(["openssl", *how, path], check=True, stdout=subprocess.PIPE).stdout


@pytest.fixture
def key(tmp_path):
    return PemKey(tmp_path, "p256")


def trust(rkt, key, prefix=None):
    return rkt("trust", *([f"--prefix={prefix}"] if prefix else ["--root"]), "--skip-fingerprint-review", key.public, code=0)


class Repo:
    """One repository of a registry, spoken to by hand."""

    def __init__(self, host, name):
        self.host, self.name, self.url = host, name, f"http://{host}/v2/{name}"

    def request(self, method, url, data=None, headers=()):
        return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=dict(headers)), timeout=20)

    def blob(self, data):
        with self.request("POST", self.url + "/blobs/uploads/", b"") as r:
            place = r.headers["Location"]
        place += ("&" if "?" in place else "?") + "digest=" + sha256(data)
        self.request("PUT", place, data, {"Content-Type": "application/octet-stream"}).close()
        return {"mediaType": "application/octet-stream", "digest": sha256(data), "size": len(data)}

    def put(self, tag, manifest, media_type=MANIFEST):
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        self.request("PUT", f"{self.url}/manifests/{tag}", data, {"Content-Type": media_type}).close()
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def get(self, tag):
        with self.request("GET", f"{self.url}/manifests/{tag}", headers={"Accept": ACCEPT}) as r:
            return r.read(), r.headers["Content-Type"]

    def digest(self, tag="latest"):
        return sha256(self.get(tag)[0])


def payload(digest, reference, type="cosign container image signature"):
    return json.dumps({"critical": {"identity": {"docker-reference": reference}, "image": {"docker-manifest-digest": digest}, "type": type},
                       "optional": None}, separators=(",", ":")).encode()


def signature_manifest(repo, signed, **more):
    """The manifest for [(payload, signature)]; its blobs are pushed."""
    layers = [{**repo.blob(body), "mediaType": COSIGN_LAYER, "annotations": {"dev.cosignproject.cosign/signature": base64.b64encode(sig).decode()}}
              for body, sig in signed]
    config = {**repo.blob(b"{}"), "mediaType": "application/vnd.oci.image.config.v1+json"}
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}


def cosign(repo, digest, *signed):
    repo.put(digest.replace(":", "-") + ".sig", signature_manifest(repo, signed))


def cosign_with(repo, digest, key, reference=None):
    body = payload(digest, reference or f"{repo.host}/{repo.name}")
    cosign(repo, digest, (body, key.sign(body)))


def layer(*extra):
    entries = []
    for info, body in busybox_rootfs():
        if info.name != "rootfs":
            info.name = info.name[len("rootfs/"):]
            entries.append((info, body))
    return entries + list(extra)


@pytest.fixture
def pushed(registry, tmp_path, request):
    """An image in a repository of the test's own: Repo with .ref."""
    oci = oci_layout(tmp_path / "oci", [layer()], {"Cmd": ["/bin/echo", "ok"], "Env": ["PATH=/bin"]})
    name = "team/" + request.node.name.lower().translate({ord(c): "-" for c in "[]_"}).strip("-")
    ref = registry.push(f"oci:{oci}:latest", name)
    repo = Repo(registry.host, name)
    repo.ref = ref
    return repo


def refused(rkt, ref, *texts, options=HTTP):
    r = rkt(options, "fetch", ref, code=254)
    assert len(r.complaints) == 1, r
    for text in texts:
        assert text in r.err, r
    assert images(rkt) == []
    assert [f for f in (rkt.data / "cas" / "blobs").rglob("*") if f.is_file()] == []
    return r


# ------------------------------------------------------------------------------------------------------------- cosign tags

@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_a_cosign_signature_of_a_trusted_key_is_accepted(rkt, pushed, tmp_path, kind):
    key = PemKey(tmp_path, kind)
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key, f"{pushed.host}/team")
    r = rkt(HTTP, "run", "--net=none", pushed.ref, code=0)
    assert r.out == "ok\n" and key.fingerprint in r.err
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"


def test_an_unsigned_image_is_refused_with_the_remedy(rkt, pushed, key):
    trust(rkt, key)
    refused(rkt, pushed.ref, f'image "{pushed.ref}": no signature; a trusted key is needed: '
            f"rkt trust --prefix={pushed.host}/{pushed.name} KEY.pub; or --insecure-options=image")
    rkt(INSECURE, "fetch", pushed.ref, code=0)


def test_nothing_but_the_manifest_of_an_unsigned_image_is_stored_or_its_layers_asked_for(rkt, pushed, registry):
    before = len(registry.blob_gets())
    refused(rkt, pushed.ref, "no signature")
    config = json.loads(pushed.get("latest")[0])["config"]["digest"]
    assert [line for line in registry.blob_gets()[before:] if config not in line] == []


def test_a_signature_by_an_unknown_key_is_refused(rkt, pushed, key, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, PemKey(tmp_path, "p256", "other"))
    refused(rkt, pushed.ref, "by no key that is trusted for it", f"rkt trust --prefix={pushed.host}/{pushed.name} KEY.pub")


def test_a_key_that_is_trusted_for_another_prefix_is_named(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key, f"{pushed.host}/te")
    refused(rkt, pushed.ref, f"signed by key {key.fingerprint}, which is not trusted for it")
    trust(rkt, key, f"{pushed.host}/{pushed.name}")
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_an_empty_file_masks_a_plain_key(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    vendor = rkt.sys / "trustedkeys" / "root.d"
    vendor.mkdir(parents=True)
    name = key.fingerprint.replace(":", "-") + ".pub"
    shutil.copy(key.public, vendor / name)
    rkt(HTTP, "fetch", pushed.ref, code=0)
    mask = rkt.etc / "trustedkeys" / "root.d"
    mask.mkdir(parents=True)
    (mask / name).write_bytes(b"")
    rkt("image", "rm", images(rkt)[0]["id"], code=0)
    rkt(HTTP, "fetch", pushed.ref, code=254)


def test_a_key_file_with_the_name_of_another_key_does_not_count(rkt, pushed, key, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    store = rkt.etc / "trustedkeys" / "root.d"
    store.mkdir(parents=True)
    shutil.copy(key.public, store / (PemKey(tmp_path, "p256", "other").fingerprint.replace(":", "-") + ".pub"))
    r = rkt(HTTP, "fetch", pushed.ref, code=254)
    assert "fingerprint mismatch" in r.err and images(rkt) == []


def test_a_signature_of_other_content_is_refused(rkt, pushed, key):
    other = sha256(b"another manifest")
    body = payload(other, f"{pushed.host}/{pushed.name}")
    cosign(pushed, pushed.digest(), (body, key.sign(body)))
    trust(rkt, key)
    refused(rkt, pushed.ref, key.fingerprint, f"is for other content, {other}")


def test_a_signature_for_another_repository_is_refused(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key, f"{pushed.host}/team/other")
    trust(rkt, key)
    refused(rkt, pushed.ref, key.fingerprint, f'is for "{pushed.host}/team/other", not for "{pushed.host}/{pushed.name}"')


def test_a_tampered_payload_is_refused(rkt, pushed, key):
    digest = pushed.digest()
    body = payload(digest, f"{pushed.host}/team/other")
    cosign(pushed, digest, (payload(digest, f"{pushed.host}/{pushed.name}"), key.sign(body)))
    trust(rkt, key)
    refused(rkt, pushed.ref, "by no key that is trusted for it")


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"not json", b'{"critical":{"type":"other"}}'],
                         ids=["empty", "null", "object", "text", "type"])
def test_a_signed_payload_that_is_none_is_refused(rkt, pushed, key, body):
    cosign(pushed, pushed.digest(), (body, key.sign(body)))
    trust(rkt, key)
    refused(rkt, pushed.ref, f"rkt trust --prefix={pushed.host}/{pushed.name}")


def test_an_image_that_was_swapped_after_signing_is_refused(rkt, pushed, key, registry, tmp_path):
    signed = pushed.digest()
    cosign_with(pushed, signed, key)
    trust(rkt, key)
    evil = oci_layout(tmp_path / "evil", [layer(entry("evil", "x"))], {"Cmd": ["/bin/true"]})
    registry.push(f"oci:{evil}:latest", pushed.name)
    refused(rkt, pushed.ref, "no signature")
    # The attacker brings the old signature along: it is for the old image.
    cosign_with(pushed, pushed.digest(), PemKey(tmp_path, "p256", "attacker"))
    manifest = json.loads(pushed.get(signed.replace(":", "-") + ".sig")[0])
    pushed.put(pushed.digest().replace(":", "-") + ".sig", manifest)
    refused(rkt, pushed.ref, f"is for other content, {signed}")
    rkt(HTTP, "fetch", f"docker://{pushed.host}/{pushed.name}@{signed}", code=0)


def test_one_good_signature_among_others_is_enough(rkt, pushed, key, tmp_path):
    digest, stranger = pushed.digest(), PemKey(tmp_path, "rsa", "stranger")
    good, other = payload(digest, f"{pushed.host}/{pushed.name}:latest"), payload(digest, "somewhere/else")
    cosign(pushed, digest, (b"junk", b"junk"), (good, stranger.sign(good)), (other, key.sign(other)), (good, key.sign(good)))
    trust(rkt, key, f"{pushed.host}/{pushed.name}")
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_the_signature_of_an_index_counts_for_the_image_in_it(rkt, pushed, key):
    data, media_type = pushed.get("latest")
    arch = json.loads(subprocess.run(["skopeo", "inspect", "--config", "--raw", "--tls-verify=false", pushed.ref], check=True,
                                     stdout=subprocess.PIPE).stdout)["architecture"]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": media_type, "digest": sha256(data), "size": len(data), "platform": {"os": "linux", "architecture": arch}}]}
    top = pushed.put("multi", index, INDEX)["digest"]
    ref = f"docker://{pushed.host}/{pushed.name}:multi"
    trust(rkt, key)
    refused(rkt, ref, "no signature")
    cosign_with(pushed, top, key)
    rkt(HTTP, "fetch", ref, code=0)
    # It vouches for what the index leads to, not for the image when it is asked for alone.
    assert "no signature" in rkt(HTTP, "fetch", f"docker://{pushed.host}/{pushed.name}@{sha256(data)}", code=254).err


def test_an_image_stored_unverified_is_fetched_again_and_verified(rkt, pushed, key):
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    trust(rkt, key)
    r = rkt(HTTP, "run", "--net=none", pushed.ref, code=254)
    assert "no signature" in r.err
    assert "no key has signed for it" in rkt("run", "--net=none", images(rkt)[0]["id"], code=254).err
    cosign_with(pushed, pushed.digest(), key)
    assert rkt(HTTP, "run", "--net=none", pushed.ref, code=0).out == "ok\n"


def test_a_withdrawn_key_stops_a_stored_image(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    rkt(HTTP, "fetch", pushed.ref, code=0)
    shutil.rmtree(rkt.etc / "trustedkeys")
    assert f"verified with key {key.fingerprint}" in rkt(HTTP, "run", "--net=none", pushed.ref, code=254).err


def test_the_signature_for_one_name_says_nothing_about_the_same_image_under_another(rkt, pushed, key, registry, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    other = registry.push(f"oci:{tmp_path}/oci:latest", pushed.name + "-copy")
    rkt(INSECURE, "fetch", other, code=0)
    rkt(HTTP, "fetch", pushed.ref, code=0)
    assert "no signature" in rkt(HTTP, "run", "--net=none", other, code=254).err
    rkt(INSECURE, "fetch", other, code=0)  # renames what is stored
    assert "no key has signed for it" in rkt("run", "--net=none", images(rkt)[0]["id"], code=254).err
    rkt(HTTP, "run", "--net=none", pushed.ref, code=0)


# --------------------------------------------------------------------------------------------------------------- rkt trust

def test_trust_shows_and_stores_a_plain_key(rkt, key):
    r = rkt("trust", "--prefix=127.0.0.1:5000/team", key.public, code=254)
    assert f"key fingerprint is: {key.fingerprint}" in r.out and "ECDSA P-256" in r.out and "lack of tty" in r.err
    r = trust(rkt, key, "127.0.0.1:5000/team")
    path = rkt.etc / "trustedkeys/prefix.d/127.0.0.1_5000/team" / (key.fingerprint.replace(":", "-") + ".pub")
    assert f'Added key for prefix "127.0.0.1_5000/team" at "{path}"' in r.out
    assert path.read_text() == open(key.public).read() and path.stat().st_mode & 0o777 == 0o644
    assert f'prefix.d/registry-1.docker.io/library/redis/' in trust(rkt, key, "docker.io/library/redis").out


def test_trust_refuses_weak_keys_and_private_ones(rkt, key, tmp_path):
    subprocess.run(["openssl", "genrsa", "-out", str(tmp_path / "weak.pem"), "1024"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkey", "-in", str(tmp_path / "weak.pem"), "-pubout", "-out", str(tmp_path / "weak.pub")], check=True)
    assert "not accepted" in rkt("trust", "--root", "--skip-fingerprint-review", tmp_path / "weak.pub", code=254).err
    rkt("trust", "--root", "--skip-fingerprint-review", key.private, code=254)


# -------------------------------------------------------------------------------------------------------------- referrers

class Everything(dict):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def get(self, path, default=None):
        return self.answer if path.startswith("/v2/") else default


class ReferrersRegistry(Repo):
    """What docker-registry 2.8 is too old for: a read-only registry with the referrers API, filled by the test."""

    def __init__(self, web, name, api=True):
        super().__init__(web.address, name)
        self.blobs, self.tags, self.api, self.asked = {}, {}, api, []
        self.ref = f"docker://{web.address}/{name}:latest"
        web.hooks = Everything(self.answer)

    def blob(self, data):
        self.blobs[sha256(data)] = (data, "application/octet-stream")
        return {"mediaType": "application/octet-stream", "digest": sha256(data), "size": len(data)}

    def put(self, tag, manifest, media_type=MANIFEST):
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        self.blobs[sha256(data)] = self.tags[tag] = (data, media_type)
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def get(self, tag):
        return self.tags[tag]

    def load(self, layout):
        for name in os.listdir(os.path.join(layout, "blobs/sha256")):
            self.blob(open(os.path.join(layout, "blobs/sha256", name), "rb").read())
        top = json.load(open(os.path.join(layout, "index.json")))["manifests"][0]
        self.put("latest", self.blobs[top["digest"]][0], top["mediaType"])
        return self

    def answer(self, h):
        what, _, which = h.path.split("?")[0].removeprefix(f"/v2/{self.name}/").partition("/")
        self.asked.append((what, which))
        if what == "referrers" and self.api:
            found = []
            for data, media_type in self.blobs.values():
                try:
                    m = json.loads(data)
                    if m["subject"]["digest"] == which:
                        found.append({"mediaType": media_type, "digest": sha256(data), "size": len(data), "artifactType": m.get("artifactType")})
                except (ValueError, KeyError, TypeError):
                    pass
            h.reply(200, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode(), {"Content-Type": INDEX})
        elif what == "manifests" and which in self.tags or what in ("manifests", "blobs") and which in self.blobs:
            data, media_type = self.tags.get(which) or self.blobs[which]
            h.reply(200, data, {"Content-Type": media_type})
        else:
            h.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        return True


COSIGN_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"


@pytest.fixture
def layout(tmp_path):
    return oci_layout(tmp_path / "oci", [layer()], {"Cmd": ["/bin/echo", "ok"], "Env": ["PATH=/bin"]})


@pytest.mark.parametrize("api", [True, False], ids=["api", "fallback-tag"])
def test_a_signature_as_a_referrer_counts(rkt, web, layout, key, api):
    repo = ReferrersRegistry(web, "team/x", api).load(layout)
    trust(rkt, key, f"{repo.host}/team")
    refused(rkt, repo.ref, "no signature")
    digest = repo.digest()
    data, media_type = repo.get("latest")
    body = payload(digest, f"{repo.host}/team/x")
    manifest = signature_manifest(repo, [(body, key.sign(body))], artifactType=COSIGN_ARTIFACT,
                                  subject={"mediaType": media_type, "digest": digest, "size": len(data)})
    found = {**repo.put("tmp", manifest), "artifactType": COSIGN_ARTIFACT}
    del repo.tags["tmp"]
    if not api:
        repo.put(digest.replace(":", "-"), {"schemaVersion": 2, "mediaType": INDEX, "manifests": [found]}, INDEX)
    assert rkt(HTTP, "run", "--net=none", repo.ref, code=0).out == "ok\n"
    assert ("referrers", digest) in repo.asked


def test_a_referrer_with_other_bytes_than_its_digest_is_not_looked_at(rkt, web, layout, key):
    repo = ReferrersRegistry(web, "team/x", api=False).load(layout)
    trust(rkt, key)
    body = payload(repo.digest(), f"{repo.host}/team/x")
    found = {**repo.put("tmp", signature_manifest(repo, [(body, key.sign(body))])), "artifactType": COSIGN_ARTIFACT}
    data, media_type = repo.blobs[found["digest"]]
    repo.put(repo.digest().replace(":", "-"), {"schemaVersion": 2, "mediaType": INDEX, "manifests": [found]}, INDEX)
    repo.blobs[found["digest"]] = (data + b" ", media_type)
    refused(rkt, repo.ref, "no signature")


# ---------------------------------------------------------------------------------------------------------------- layouts

class LayoutRepo(Repo):
    """A layout directory that signatures are put into."""

    def __init__(self, path, name):
        self.path, self.host, self.name = path, "", name

    def blob(self, data):
        with open(os.path.join(self.path, "blobs/sha256", sha256(data)[7:]), "wb") as f:
            f.write(data)
        return {"mediaType": "application/octet-stream", "digest": sha256(data), "size": len(data)}

    def put(self, tag, manifest, media_type=MANIFEST):
        found = {**self.blob(json.dumps(manifest).encode()), "mediaType": media_type}
        index = json.load(open(os.path.join(self.path, "index.json")))
        index["manifests"].append({**found, "annotations": {"org.opencontainers.image.ref.name": tag}})
        json.dump(index, open(os.path.join(self.path, "index.json"), "w"))
        return found

    def digest(self, tag="latest"):
        return json.load(open(os.path.join(self.path, "index.json")))["manifests"][0]["digest"]


@pytest.mark.parametrize("form", ["directory", "archive"])
def test_a_layout_follows_the_same_rule(rkt, layout, key, tmp_path, form):
    refused(rkt, f"oci:{layout}", "no signature; a trusted key is needed: rkt trust --prefix=oci KEY.pub", options="--debug=false")
    repo = LayoutRepo(layout, "oci")
    body = payload(repo.digest(), "oci")
    cosign(repo, repo.digest(), (body, key.sign(body)))
    argument = f"oci:{layout}"
    if form == "archive":
        subprocess.run(["tar", "-C", layout, "-cf", str(tmp_path / "oci.tar"), "."], check=True)
        argument = f"oci-archive:{tmp_path}/oci.tar"
    refused(rkt, argument, "by no key that is trusted", options="--debug=false")
    trust(rkt, key, "oci")
    assert rkt("run", "--net=none", argument, code=0).out == "ok\n"


def test_a_layout_signed_under_another_name_is_refused(rkt, layout, key):
    repo = LayoutRepo(layout, "oci")
    body = payload(repo.digest(), "docker.io/library/oci")
    cosign(repo, repo.digest(), (body, key.sign(body)))
    trust(rkt, key)
    refused(rkt, f"oci:{layout}", 'is for "docker.io/library/oci", not for "oci"', options="--debug=false")
