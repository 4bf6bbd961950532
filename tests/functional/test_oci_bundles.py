# SPDX-License-Identifier: Apache-2.0
"""Sigstore bundles: the form in which newer cosign signs, made here byte by byte with openssl."""
import base64
import json

import pytest

from signlib import (HTTP, INDEX, LayoutRepo, MANIFEST, PemKey, ReferrersRegistry, cosign_with, images, payload, policy, refused, sha256,
                     signature_manifest, trust)

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "application/vnd.in-toto+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
KEY = {"publicKey": {"hint": "key"}, "tlogEntries": []}


def b64(data):
    return base64.b64encode(data).decode()


def statement(digest, predicate=SIGN, **subject):
    return json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": digest[7:]}, **subject}],
                       "predicateType": predicate, "predicate": {}}).encode()


def envelope_bundle(key, body, payload_type=STATEMENT, material=KEY, version=BUNDLE, signed=None):
    over = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(body), body)
    return {"mediaType": version, "verificationMaterial": material, "dsseEnvelope": {
        "payload": b64(body), "payloadType": payload_type, "signatures": [{"sig": b64(key.sign(over if signed is None else signed)), "keyid": ""}]}}


def message_bundle(key, manifest):
    return {"mediaType": BUNDLE, "verificationMaterial": KEY, "messageSignature": {
        "messageDigest": {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(sha256(manifest)[7:]))}, "signature": b64(key.sign(manifest))}}


def attach(repo, bundle, digest=None, predicate=None):
    """As cosign does: a referrer, named by the fallback tag where the registry has no such interface."""
    digest = digest or repo.digest()
    notes = {"dev.sigstore.bundle.content": "dsse-envelope", **({"dev.sigstore.bundle.predicateType": predicate} if predicate else {})}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE,
                "config": {**repo.blob(b"{}"), "mediaType": "application/vnd.oci.empty.v1+json"},
                "layers": [{**repo.blob(json.dumps(bundle).encode()), "mediaType": BUNDLE}], "annotations": notes,
                "subject": {"mediaType": MANIFEST, "digest": digest, "size": 1}}
    found = {**repo.put("tmp", manifest), "artifactType": BUNDLE, "annotations": notes}
    if isinstance(repo, ReferrersRegistry):
        del repo.tags["tmp"]
    if getattr(repo, "api", False):
        return
    tag = digest.replace(":", "-")
    before = json.loads(repo.tags[tag][0])["manifests"] if tag in getattr(repo, "tags", {}) else []
    repo.put(tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*before, found]}, INDEX)


@pytest.fixture
def repo(web, layout):
    return ReferrersRegistry(web, "team/x", api=True).load(layout)


@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_a_signed_statement_of_a_trusted_key_is_accepted(rkt, repo, tmp_path, kind):
    key = PemKey(tmp_path, kind)
    attach(repo, envelope_bundle(key, statement(repo.digest())), predicate=SIGN)
    refused(rkt, repo.ref, "by no key that is trusted for it")
    trust(rkt, key, f"{repo.host}/team")
    r = rkt(HTTP, "run", "--net=none", repo.ref, code=0)
    assert r.out == "ok\n" and key.fingerprint in r.err
    assert rkt("run", "--net=none", images(rkt)[0]["id"], code=0).out == "ok\n"


def test_a_bundle_is_found_by_the_fallback_tag_of_a_real_registry(rkt, pushed, key):
    attach(pushed, envelope_bundle(key, statement(pushed.digest())))
    trust(rkt, key)
    rkt(HTTP, "fetch", pushed.ref, code=0)


@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_a_signature_over_the_manifest_itself_is_accepted(rkt, repo, tmp_path, kind):
    key = PemKey(tmp_path, kind)
    attach(repo, message_bundle(key, repo.get("latest")[0]))
    trust(rkt, key)
    rkt(HTTP, "fetch", repo.ref, code=0)


def test_a_signature_over_another_manifest_is_refused(rkt, repo, key):
    attach(repo, message_bundle(key, b"another manifest"))
    trust(rkt, key)
    refused(rkt, repo.ref, "by no key that is trusted for it")


@pytest.mark.parametrize("what", ["statement", "manifest"])
def test_a_bundle_in_a_layout_counts(rkt, layout, key, what):
    repo = LayoutRepo(layout, "oci")
    manifest = (layout + "/blobs/sha256/" + repo.digest()[7:]).encode()
    attach(repo, envelope_bundle(key, statement(repo.digest())) if what == "statement" else message_bundle(key, open(manifest, "rb").read()))
    index = json.load(open(layout + "/index.json"))
    index["manifests"][1] = {**index["manifests"][1], "artifactType": BUNDLE}
    json.dump(index, open(layout + "/index.json", "w"))
    refused(rkt, f"oci:{layout}", "by no key that is trusted for it", options="--debug=false")
    trust(rkt, key, "oci")
    rkt("fetch", f"oci:{layout}", code=0)


def test_a_statement_about_other_content_is_refused(rkt, repo, key):
    other = sha256(b"another manifest")
    attach(repo, envelope_bundle(key, statement(other)))
    trust(rkt, key)
    refused(rkt, repo.ref, key.fingerprint, f"is for other content, {other}")


def test_a_statement_that_names_another_repository_is_refused(rkt, repo, key):
    attach(repo, envelope_bundle(key, statement(repo.digest(), name=f"{repo.host}/team/other")))
    trust(rkt, key)
    refused(rkt, repo.ref, f'is for "{repo.host}/team/other", not for "{repo.host}/team/x"')
    attach(repo, envelope_bundle(key, statement(repo.digest(), name=f"{repo.host}/team/x")))
    rkt(HTTP, "fetch", repo.ref, code=0)


@pytest.mark.parametrize("noted", [True, False])
def test_a_statement_of_something_else_is_no_consent(rkt, repo, key, noted):
    kind = "https://cyclonedx.org/bom"
    attach(repo, envelope_bundle(key, statement(repo.digest(), kind)), predicate=kind if noted else None)
    trust(rkt, key)
    refused(rkt, repo.ref, f'image "{repo.ref}": no signature')


def test_inventories_do_not_keep_the_signature_from_being_seen(rkt, repo, key):
    for n in range(40):
        attach(repo, envelope_bundle(key, statement(repo.digest(), "https://cyclonedx.org/bom", name=f"n{n}")), predicate="https://cyclonedx.org/bom")
    attach(repo, envelope_bundle(key, statement(repo.digest())), predicate=SIGN)
    repo.api = False  # whose answer carries no annotations
    tag = repo.digest().replace(":", "-")
    entries = [{"mediaType": MANIFEST, "digest": d, "size": len(data), "artifactType": BUNDLE, "annotations": json.loads(data)["annotations"]}
               for d, (data, kind) in repo.blobs.items() if kind == MANIFEST and b'"subject"' in data]
    repo.put(tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)
    trust(rkt, key)
    rkt(HTTP, "fetch", repo.ref, code=0)


def test_what_does_not_claim_to_be_a_signature_is_passed_over(rkt, repo, key):
    """Inventories and the like: missing, malformed, or too large for a signature."""
    trust(rkt, key)
    gone = {"mediaType": MANIFEST, "digest": sha256(b"gone"), "size": 4}
    repo.more = [{**gone, "artifactType": "application/spdx+json"}, {**gone, "digest": "blake3:00"}, {**gone, "size": -1}, {**gone, "artifactType": 7},
                 {**gone, "artifactType": BUNDLE, "annotations": {"dev.sigstore.bundle.predicateType": "https://cyclonedx.org/bom"}}]
    attach(repo, {"mediaType": BUNDLE, "padding": "x" * 2000000}, predicate="https://cyclonedx.org/bom")  # as only its manifest says
    attach(repo, envelope_bundle(PemKey(rkt.tmp, "p256", "stranger"), statement(repo.digest(), "https://cyclonedx.org/bom")))
    refused(rkt, repo.ref, f'image "{repo.ref}": no signature; a trusted key is needed')
    attach(repo, envelope_bundle(key, statement(repo.digest())))
    rkt(HTTP, "fetch", repo.ref, code=0)


def test_every_signature_that_cannot_be_read_is_named_with_the_reason(rkt, repo, key):
    trust(rkt, key)
    gone = {"mediaType": MANIFEST, "digest": sha256(b"gone"), "size": 4, "artifactType": BUNDLE}
    repo.more = [gone]
    refused(rkt, repo.ref, f"it has a signature that cannot be read: {gone['digest']}: {gone['digest']} is not in the registry; have its publisher")
    attach(repo, {"mediaType": BUNDLE})
    repo.more = [gone, {**gone, "digest": "blake3:00"}]
    layer = sha256(json.dumps({"mediaType": BUNDLE}).encode())
    refused(rkt, repo.ref, "it has 3 signatures that cannot be read: ", f"{gone['digest']}: {gone['digest']} is not in the registry",
            f"{layer}: bundle.verificationMaterial: missing", 'a referrer: manifests[2]: digest "blake3:00" has no algorithm that can be verified')
    for n in range(5):
        repo.more.append({**gone, "digest": sha256(b"%d" % n)})
    refused(rkt, repo.ref, "it has 8 signatures that cannot be read: ", ", and 4 more; have its publisher")


@pytest.mark.parametrize("page", [b"<html>Welcome</html>", b"{}", b'{"schemaVersion":2,"manifests":3}'], ids=["html", "object", "number"])
def test_a_list_of_referrers_that_is_none_hides_no_signature(rkt, repo, key, page):
    trust(rkt, key)
    repo.page = page
    refused(rkt, repo.ref, f'image "{repo.ref}": no signature was found, and the list of what lies beside it cannot be read: ', "a trusted key is needed")
    repo.api = False  # the fallback tag is made, beside the page
    attach(repo, envelope_bundle(key, statement(repo.digest())))
    repo.api = True
    rkt(HTTP, "fetch", repo.ref, code=0)


@pytest.mark.parametrize("what", ["type", "payload", "bare", "certificate", "junk"])
def test_a_bundle_that_does_not_fit_is_refused(rkt, repo, key, what):
    body = statement(repo.digest())
    bundle = {"type": lambda: envelope_bundle(key, body, "application/json"),
              "payload": lambda: envelope_bundle(key, body, signed=b"DSSEv1 1 x 1 y"),
              "bare": lambda: envelope_bundle(key, body, signed=body),
              "certificate": lambda: {**message_bundle(key, b"x"), "verificationMaterial": {"certificate": {"rawBytes": "AA=="}}},
              "junk": lambda: {"mediaType": BUNDLE}}[what]()
    attach(repo, bundle)
    trust(rkt, key)
    if what == "certificate":
        refused(rkt, repo.ref, "signed with a certificate (keyless), which cannot be checked; a signature by a key pair is needed: cosign sign --key, "
                f"then rkt trust --prefix={repo.host}/team/x KEY.pub")
    elif what in ("type", "junk"):
        refused(rkt, repo.ref, "it has a signature that cannot be read: ")
    else:
        refused(rkt, repo.ref, f"rkt trust --prefix={repo.host}/team/x KEY.pub")


def test_a_keyless_signature_of_the_older_form_is_named_as_one(rkt, repo, key, tmp_path):
    body = payload(repo.digest(), f"{repo.host}/team/x")
    manifest = signature_manifest(repo, [(body, PemKey(tmp_path, "p256", "ephemeral").sign(body))])
    manifest["layers"][0]["annotations"]["dev.sigstore.cosign/certificate"] = "-----BEGIN CERTIFICATE-----"
    repo.put(repo.digest().replace(":", "-") + ".sig", manifest)
    trust(rkt, key)
    refused(rkt, repo.ref, "signed with a certificate (keyless), which cannot be checked")


def test_a_policy_wants_an_identity_that_bundles_do_not_have(rkt, repo, key):
    attach(repo, envelope_bundle(key, statement(repo.digest())))
    policy(rkt, {repo.host: [{"type": "sigstoreSigned", "keyPath": key.public}]})
    refused(rkt, repo.ref, "its signatures are not those that the policy in")
    cosign_with(repo, repo.digest(), key, f"{repo.host}/team/x:latest")
    rkt(HTTP, "fetch", repo.ref, code=0)
