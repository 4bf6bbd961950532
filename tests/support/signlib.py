# SPDX-License-Identifier: Apache-2.0
"""Signatures of Docker and OCI images, made byte by byte with openssl and gpg, and where they are put: registries and layouts."""
import base64
import hashlib
import json
import os
import subprocess
import urllib.request

from rktlib import busybox_rootfs

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
                       "optional": {} if type.startswith("atomic") else None}, separators=(",", ":")).encode()


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


def refused(rkt, ref, *texts, options=HTTP):
    r = rkt(options, "fetch", ref, code=254)
    assert len(r.complaints) == 1, r
    for text in texts:
        assert text in r.err, r
    assert images(rkt) == []
    assert [f for f in (rkt.data / "cas" / "blobs").rglob("*") if f.is_file()] == []
    return r


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
        self.link = None  # where a page with one referrer says that the next one is: a function of its number
        self.more, self.page = [], None  # referrers that are nowhere but in the list; bytes instead of a list
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
            fields, found = {"Content-Type": INDEX}, [*found, *self.more]
            if self.page is not None:
                return h.reply(200, self.page, {"Content-Type": "text/html"}) or True
            if self.link:
                page = int((h.path.split("page=") + ["0"])[1])
                found, more = found[page:page + 1], len(found) > page + 1
                if more:
                    fields["Link"] = f'<{self.link(page + 1)}>; rel="next"'
            h.reply(200, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode(), fields)
        elif what == "manifests" and which in self.tags or what in ("manifests", "blobs") and which in self.blobs:
            data, media_type = self.tags.get(which) or self.blobs[which]
            h.reply(200, data, {"Content-Type": media_type})
        else:
            h.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        return True


COSIGN_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"


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


ANYTHING = [{"type": "insecureAcceptAnything"}]


def policy(rkt, scopes=None, default=ANYTHING, transport="docker"):
    where = rkt.tmp / ".config" / "containers"
    where.mkdir(parents=True, exist_ok=True)
    path = where / "policy.json"
    path.write_text(json.dumps({"default": default, **({"transports": {transport: scopes}} if scopes else {})}))
    return path
