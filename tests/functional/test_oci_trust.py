# SPDX-License-Identifier: Apache-2.0
"""Docker and OCI images are used only when a trusted key has signed them. Signatures are made here, byte by byte, with openssl and gpg."""
import base64
import hashlib
import json
import os
import re
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
    name = "team/" + re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
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


# ----------------------------------------------------------------------------------------------------------------- policy

ANYTHING = [{"type": "insecureAcceptAnything"}]


def policy(rkt, scopes=None, default=ANYTHING, transport="docker"):
    where = rkt.tmp / ".config" / "containers"
    where.mkdir(parents=True, exist_ok=True)
    path = where / "policy.json"
    path.write_text(json.dumps({"default": default, **({"transports": {transport: scopes}} if scopes else {})}))
    return path


def test_a_policy_that_accepts_anything_changes_nothing(rkt, pushed):
    policy(rkt, {"": ANYTHING})
    refused(rkt, pushed.ref, "no signature")


def test_a_policy_that_rejects_beats_the_key_store(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    path = policy(rkt, {f"{pushed.host}/team": [{"type": "reject"}]})
    refused(rkt, pushed.ref, f'image "{pushed.ref}" is rejected by the policy in "{path}"')
    path.unlink()
    rkt(HTTP, "fetch", pushed.ref, code=0)
    policy(rkt, default=[{"type": "reject"}])
    rkt(HTTP, "run", "--net=none", pushed.ref, code=254)
    rkt("run", "--net=none", images(rkt)[0]["id"], code=254)
    rkt(INSECURE, "run", "--net=none", pushed.ref, code=0)


def test_a_key_of_the_policy_is_trusted_for_its_scope(rkt, pushed, key, tmp_path):
    cosign_with(pushed, pushed.digest(), key)
    demand = [{"type": "sigstoreSigned", "keyPath": key.public, "signedIdentity": {"type": "matchRepository"}}]
    policy(rkt, {"elsewhere.example": demand})
    refused(rkt, pushed.ref, "by no key that is trusted for it")
    path = policy(rkt, {f"{pushed.host}/team": demand})
    assert rkt(HTTP, "run", "--net=none", pushed.ref, code=0).out == "ok\n"
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"
    path.unlink()
    rkt("run", "--net=none", images(rkt)[0]["id"], code=254)


def test_what_the_policy_demands_must_be_there_whoever_else_signed(rkt, pushed, key, tmp_path):
    other = PemKey(tmp_path, "ed25519", "other")
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    data = base64.b64encode(open(other.public, "rb").read()).decode()
    path = policy(rkt, {pushed.host: [{"type": "sigstoreSigned", "keyData": data, "signedIdentity": {"type": "matchRepository"}}]})
    refused(rkt, pushed.ref, f'its signatures are not those that the policy in "{path}" demands')
    body = payload(pushed.digest(), f"{pushed.host}/{pushed.name}")
    cosign(pushed, pushed.digest(), (body, key.sign(body)), (body, other.sign(body)))
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_the_identity_that_the_policy_names(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key, f"{pushed.host}/{pushed.name}:1.0")
    with_identity = lambda i: policy(rkt, {pushed.host: [{"type": "sigstoreSigned", "keyPath": key.public, **({"signedIdentity": i} if i else {})}]})
    for wrong in (None, {"type": "matchExact"}, {"type": "exactReference", "dockerReference": f"{pushed.host}/{pushed.name}:1.1"},
                  {"type": "exactRepository", "dockerRepository": f"{pushed.host}/team/other"}):
        with_identity(wrong)
        refused(rkt, pushed.ref, "not those that the policy in")
    with_identity({"type": "exactReference", "dockerReference": f"{pushed.host}/{pushed.name}:1.0"})
    rkt(HTTP, "fetch", pushed.ref, code=0)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"default":[]}', '{"default":[{"type":"maybe"}]}', '{"default":[{"type":"reject","why":1}]}'],
                         ids=["empty", "cut", "object", "nothing", "type", "member"])
def test_a_malformed_policy_is_an_error_that_names_it(rkt, pushed, key, text):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    path = policy(rkt)
    path.write_text(text)
    refused(rkt, pushed.ref, str(path))


def test_a_demand_that_cannot_be_checked_is_refused(rkt, pushed, key):
    cosign_with(pushed, pushed.digest(), key)
    trust(rkt, key)
    policy(rkt, {pushed.host: [{"type": "sigstoreSigned", "fulcio": {"caPath": "/ca", "oidcIssuer": "x", "subjectEmail": "y"}}]})
    refused(rkt, pushed.ref, '"fulcio", which cannot be checked')


def test_policies_of_layouts_go_by_their_path(rkt, layout, key, tmp_path):
    repo = LayoutRepo(layout, "oci")
    body = payload(repo.digest(), "oci")
    cosign(repo, repo.digest(), (body, key.sign(body)))
    trust(rkt, key)
    policy(rkt, {str(tmp_path): [{"type": "reject"}]}, transport="oci")
    refused(rkt, f"oci:{layout}", "is rejected by the policy", options="--debug=false")
    policy(rkt, {str(tmp_path) + "/other": [{"type": "reject"}]}, transport="oci")
    rkt("fetch", f"oci:{layout}", code=0)


# ----------------------------------------------------------------------------------------------------------- sign and push

@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_what_image_sign_makes_is_what_fetch_demands(rkt, pushed, tmp_path, kind):
    key = PemKey(tmp_path, kind)
    r = rkt(HTTP, "image", "sign", f"--key={key.private}", pushed.ref, code=0)
    assert r.out == f"signed {pushed.digest()} with key {key.fingerprint}\n"
    trust(rkt, key, f"{pushed.host}/team")
    rkt(HTTP, "fetch", pushed.ref, code=0)
    # The payload and the signature are cosign's: openssl agrees.
    manifest = json.loads(pushed.get(pushed.digest().replace(":", "-") + ".sig")[0])
    assert [layer["mediaType"] for layer in manifest["layers"]] == [COSIGN_LAYER]
    with pushed.request("GET", f"{pushed.url}/blobs/{manifest['layers'][0]['digest']}") as answer:
        body = answer.read()
    assert body == payload(pushed.digest(), f"{pushed.host}/{pushed.name}")
    (tmp_path / "payload").write_bytes(body)
    (tmp_path / "sig").write_bytes(base64.b64decode(manifest["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"]))
    how = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key.public, "-sigfile", "sig", "-in", "payload"] if kind == "ed25519" else \
        ["dgst", "-sha256", "-verify", key.public, "-signature", "sig", "payload"]
    subprocess.run(["openssl", *how], check=True, cwd=tmp_path, stdout=subprocess.DEVNULL)


def test_signatures_are_added_to_those_that_are_there(rkt, pushed, key, tmp_path):
    other = PemKey(tmp_path, "ed25519", "other")
    cosign_with(pushed, pushed.digest(), key)
    for _ in range(2):
        rkt(HTTP, "image", "sign", f"--key={other.private}", pushed.ref, code=0)
    manifest = json.loads(pushed.get(pushed.digest().replace(":", "-") + ".sig")[0])
    assert len(manifest["layers"]) == 2
    trust(rkt, key)
    rkt(HTTP, "fetch", pushed.ref, code=0)


def test_a_layout_is_signed_in_place(rkt, layout, key, tmp_path):
    rkt("image", "sign", f"--key={key.private}", f"oci:{layout}", code=0)
    trust(rkt, key, "oci")
    assert rkt("run", "--net=none", f"oci:{layout}", code=0).out == "ok\n"
    subprocess.run(["skopeo", "inspect", f"oci:{layout}:latest"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "-C", layout, "-cf", str(tmp_path / "oci.tar"), "."], check=True)
    rkt("fetch", f"oci-archive:{tmp_path}/oci.tar", code=0)


def test_an_aci_is_signed_by_gpg(rkt):
    aci, signer = rkt.aci(), rkt.keys("builder")
    rkt("image", "sign", f"--key={signer.fingerprint}", aci.path, code=0, env={"GNUPGHOME": signer.home})
    rkt.trust("builder", aci.name)
    rkt("fetch", aci.path, code=0)


def test_keys_that_cannot_sign_are_refused(rkt, pushed, key, tmp_path):
    encrypted = tmp_path / "encrypted.pem"
    subprocess.run(["openssl", "pkey", "-in", key.private, "-aes256", "-passout", "pass:x", "-out", str(encrypted)], check=True)
    for bad, why in ((encrypted, "is encrypted"), (key.public, "no PEM private key"), (tmp_path / "none", "none"), ("/dev/null", "no PEM private key")):
        r = rkt(HTTP, "image", "sign", f"--key={bad}", pushed.ref, code=254)
        assert why in r.err and len(r.complaints) == 1, r
    assert "--key is needed" in rkt("image", "sign", pushed.ref, code=254).err


def test_a_pushed_image_is_the_same_for_others_and_verified_when_fetched(rkt, pushed, key, registry, tmp_path):
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    there = f"docker://{registry.host}/new/place:2.0"
    r = rkt(HTTP, "image", "push", f"--sign-key={key.private}", pushed.ref, there, code=0)
    assert r.out == f"pushed {pushed.digest()}\nsigned {pushed.digest()} with key {key.fingerprint}\n"
    raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", there], check=True, stdout=subprocess.PIPE).stdout
    assert raw == pushed.get("latest")[0]
    subprocess.run(["skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", there, f"oci:{tmp_path}/copy:latest"], check=True)
    rkt("image", "rm", images(rkt)[0]["id"], code=0)
    trust(rkt, key, f"{registry.host}/new")
    assert rkt(HTTP, "run", "--net=none", there, code=0).out == "ok\n"


def test_blobs_that_the_registry_has_are_not_sent_again(rkt, pushed, registry):
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    count = lambda method: sum(f'"{method} /v2/' in line for line in open(registry.log_path, errors="replace"))
    rkt(HTTP, "image", "push", images(rkt)[0]["id"], f"docker://{registry.host}/mounted/x", code=0)  # mounted from where they are
    before = count("POST")
    rkt(HTTP, "image", "push", images(rkt)[0]["id"], f"docker://{registry.host}/mounted/x:again", code=0)
    assert count("POST") == before


def test_a_layout_reaches_a_registry(rkt, layout, registry, key, tmp_path):
    rkt("--insecure-options=image", "fetch", f"oci:{layout}", code=0)
    there = f"docker://{registry.host}/from/layout"
    rkt(HTTP, "image", "push", f"--sign-key={key.private}", "oci", there, code=0)
    trust(rkt, key)
    assert rkt(HTTP, "run", "--net=none", there, code=0).out == "ok\n"


def test_what_cannot_be_pushed_is_refused(rkt, pushed, registry):
    rkt.image()
    assert "is an ACI" in rkt(HTTP, "image", "push", "example.com/busybox", f"docker://{registry.host}/x/y", code=254).err
    assert "cannot push to" in rkt(HTTP, "image", "push", "example.com/busybox", "oci:/tmp/x", code=254).err
    assert "not in the store" in rkt(HTTP, "image", "push", "docker://r.example/none", f"docker://{registry.host}/x/y", code=254).err
    rkt(INSECURE, "fetch", pushed.ref, code=0)
    assert "under a tag" in rkt(HTTP, "image", "push", pushed.ref, f"docker://{registry.host}/x/y@{pushed.digest()}", code=254).err
    rkt("image", "push", pushed.ref, f"docker://{registry.host}/x/y", code=254)  # http was not allowed


# --------------------------------------------------------------------------------------------------------- simple signing

def simple_sign(signer, body, path, clear=False):
    """gpg's signed message over the payload, where others look for it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["gpg", "--batch", "--yes", "--quiet", "--local-user", signer.fingerprint, "--output", path, "--clear-sign" if clear else "--sign"],
                   check=True, input=body, env={**os.environ, "GNUPGHOME": signer.home})


def lookaside(rkt, text):
    where = rkt.tmp / ".config" / "containers" / "registries.d"
    where.mkdir(parents=True, exist_ok=True)
    (where / "test.yaml").write_text(text)
    return where / "test.yaml"


ATOMIC = "atomic container signature"


def place_of(root, repo, digest, n=1):
    return os.path.join(root, f"{repo.name}@{digest.replace(':', '=')}", f"signature-{n}")


@pytest.mark.parametrize("where", ["file", "http"])
def test_simple_signing_from_a_lookaside(rkt, pushed, web, tmp_path, where):
    signer, digest = rkt.keys("builder"), pushed.digest()
    root = web.root if where == "http" else str(tmp_path / "sigs")
    lookaside(rkt, f"docker:\n  {pushed.host}/team:\n    lookaside: {web.url if where == 'http' else 'file://' + root}\n    use-sigstore-attachments: true\n")
    rkt.trust("builder", f"{pushed.host}/team")
    refused(rkt, pushed.ref, "no signature")
    simple_sign(rkt.keys("stranger"), payload(digest, f"{pushed.host}/{pushed.name}:latest", ATOMIC), place_of(root, pushed, digest))
    refused(rkt, pushed.ref, rkt.keys("stranger").fingerprint[-16:], "not trusted for it")
    simple_sign(signer, payload(digest, f"{pushed.host}/{pushed.name}:latest", ATOMIC), place_of(root, pushed, digest, 2))
    assert rkt(HTTP, "run", "--net=none", pushed.ref, code=0).out == "ok\n"
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"


def test_skopeo_signs_what_rkt_verifies(rkt, pushed, tmp_path):
    signer, sigs = rkt.keys("builder"), tmp_path / "skopeo-sigs"
    (tmp_path / "registries.d").mkdir()
    names = ("lookaside", "lookaside-staging", "sigstore", "sigstore-staging")[2:]  # what old and new releases call it
    (tmp_path / "registries.d" / "default.yaml").write_text("default-docker:\n" + "".join(f"  {n}: file://{sigs}\n" for n in names))
    subprocess.run(["skopeo", "--registries.d", str(tmp_path / "registries.d"), "copy", "--quiet", "--insecure-policy", f"--sign-by={signer.fingerprint}",
                    "--dest-tls-verify=false", f"oci:{tmp_path}/oci:latest", f"docker://{pushed.host}/{pushed.name}:signed"], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "GNUPGHOME": signer.home})
    lookaside(rkt, f"default-docker:\n  lookaside: file://{sigs}\n")
    rkt.trust("builder", f"{pushed.host}/{pushed.name}")
    rkt(HTTP, "fetch", f"docker://{pushed.host}/{pushed.name}:signed", code=0)


@pytest.mark.parametrize("what,text", [("digest", "is for other content"), ("repository", "is for "), ("type", "rkt trust"), ("tampered", "signature")])
def test_a_simple_signature_that_does_not_fit_is_refused(rkt, pushed, tmp_path, what, text):
    signer, digest = rkt.keys("builder"), pushed.digest()
    lookaside(rkt, f"default-docker:\n  lookaside: file://{tmp_path}/sigs/\n")
    rkt.trust("builder")
    body = payload(sha256(b"x") if what == "digest" else digest, f"{pushed.host}/{'team/other' if what == 'repository' else pushed.name}:latest",
                   "cosign container image signature" if what == "type" else ATOMIC)
    path = place_of(tmp_path / "sigs", pushed, digest)
    simple_sign(signer, body, path, clear=what == "tampered")
    if what == "tampered":
        data = open(path, "rb").read()
        open(path, "wb").write(data.replace(b"latest", b"newest"))
    refused(rkt, pushed.ref, text)


def test_a_policy_demands_openpgp(rkt, pushed, key, tmp_path):
    signer, digest = rkt.keys("builder"), pushed.digest()
    lookaside(rkt, f"default-docker:\n  lookaside: file://{tmp_path}/sigs\n")
    cosign_with(pushed, digest, key)
    trust(rkt, key)
    policy(rkt, {pushed.host: [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": signer.public}]})
    refused(rkt, pushed.ref, "not those that the policy in")
    simple_sign(signer, payload(digest, f"{pushed.host}/{pushed.name}:other", ATOMIC), place_of(tmp_path / "sigs", pushed, digest))
    refused(rkt, pushed.ref, "not those that the policy in")
    simple_sign(signer, payload(digest, f"{pushed.host}/{pushed.name}:latest", ATOMIC), place_of(tmp_path / "sigs", pushed, digest))
    rkt(HTTP, "fetch", pushed.ref, code=0)
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"


def test_a_malformed_registries_file_is_named(rkt, pushed):
    path = lookaside(rkt, "docker: [\n")
    refused(rkt, pushed.ref, f"{path}: line ")
