// SPDX-License-Identifier: Apache-2.0
#include "image/sign.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "image/layout.h"
#include "image/registry_directory.h"
#include "image/verify_client.h"
#include "json/reader.h"
#include "schema/appc/image_manifest.h"
#include "schema/oci/media_types.h"
#include "sys/channel.h"
#include "sys/digest.h"
#include "sys/file.h"
#include "sys/install.h"
#include "sys/spawn.h"

namespace rkt::image {
namespace {

constexpr const char* kLayoutIndex = "index.json";
constexpr std::size_t kMaxMessages = std::size_t{1} << 20;  // of gpg

json::Object descriptor(std::string_view media_type, std::string_view bytes) {
  json::Object out;
  out.set("mediaType", media_type);
  out.set("size", std::uint64_t{bytes.size()});
  out.set("digest", cat("sha256:", sha256_hex(bytes)));
  return out;
}

// Signature manifests are images for other tools: with a configuration that names the layers.
std::string signature_config(const std::vector<std::string>& layers) {
  json::Object rootfs, history, out;
  rootfs.set("type", "layers");
  rootfs.set("diff_ids", json::Array(layers.begin(), layers.end()));
  history.set("created", "0001-01-01T00:00:00Z");
  out.set("architecture", "");
  out.set("created", "0001-01-01T00:00:00Z");
  out.set("history", json::Array(layers.size(), json::Value(history)));
  out.set("os", "");
  out.set("rootfs", std::move(rootfs));
  out.set("config", json::Object());
  return json::write(std::move(out));
}

FetchOptions options_of(const Insecure& insecure) {
  FetchOptions out;
  out.insecure_tls = insecure.tls;
  out.allow_http = insecure.http;
  return out;
}

using oci::digest_of_blob;

void write_blob(const DirFd& layout, std::string_view bytes) {
  const DirFd blobs = layout.make_sub("blobs").make_sub("sha256");
  const std::string name = sha256_hex(bytes);
  if (blobs.exists(name)) return;
  AtomicFile file(blobs, name, 0644);
  write_all(file.fd(), bytes, name);
  file.commit();
}

// The index with this manifest under that name.
std::string with_entry(const std::string& index, const std::string& name, std::string_view manifest) {
  const json::Value value = json::parse(index);
  const json::Reader in(value, kLayoutIndex);
  json::Array entries;
  for (const auto& entry : in.items("manifests")) {
    const auto annotations = entry.find("annotations");
    if (!annotations || annotations->text_or(oci::kRefNameAnnotation, "") != name) entries.push_back(entry.value());
  }
  json::Object added = descriptor(oci::kManifestType, manifest), annotations;
  annotations.set(std::string(oci::kRefNameAnnotation), name);
  added.set("annotations", std::move(annotations));
  entries.emplace_back(std::move(added));
  json::Object out = *value.as_object();
  out.set("manifests", std::move(entries));
  return json::write(std::move(out));
}

// Its last two messages: what is wrong, and what has not been done for it. Before them it tells what it made.
Error failure_of_gpg(const ExitStatus& status, std::string_view text) {
  std::vector<std::string> lines;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    if (line.starts_with("gpg: ")) line.remove_prefix(5);
    if (!line.empty()) lines.push_back(printable(line, 300));
  }
  std::string why;
  for (std::size_t i = lines.size() < 2 ? 0 : lines.size() - 2; i < lines.size(); ++i)
    why += cat(why.empty() ? ": " : ", ", lines[i]);
  Error out(Errc::system, cat("gpg ended with status ", status.shell(), why));
  out.hint("the key for an ACI is one of gpg's, not a file: gpg --list-secret-keys shows them");
  return out;
}

std::string find_gpg() {
  const std::string search = env("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
  for (const auto directory : split(search, ':')) {
    std::string file = cat(directory, "/gpg");
    if (directory.starts_with('/') && ::access(file.c_str(), X_OK) == 0) return file;
  }
  throw Error(Errc::not_found, "gpg is not in PATH").hint("install gnupg");
}

std::vector<std::string> environment_of_gpg() {
  return pick_env({"PATH", "HOME", "GNUPGHOME", "GPG_TTY", "TERM", "LANG", "LC_ALL", "DISPLAY", "XDG_RUNTIME_DIR",
                   "DBUS_SESSION_BUS_ADDRESS"});
}

std::string read_again(const UniqueFd& file, std::string_view what) {
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a memory file");
  return read_all(file.get(), what, kMaxMessages);
}

// The public halves of what a name of a key means.
std::vector<keystore::TrustedKey> keys_of_gpg(const std::string& program, const std::string& name) {
  const std::string exported =
      run_for_output({.exe = program,
                      .argv = {"gpg", "--batch", "--export-options", "export-minimal", "--export", "--", name},
                      .env = environment_of_gpg()},
                     verify::kMaxKeyFileBytes);
  std::vector<keystore::TrustedKey> out;
  for (auto& key : inspect_keys(exported))
    out.push_back({.fingerprint = key.fingerprint, .path = name, .bytes = key.armored});
  return out;
}

}  // namespace

std::string manifest_digest(const store::ImageRecord& image) { return digest_of_blob(image.blobs.at(0)); }

MadeSignature make_signature(const std::string& key_file, const std::string& digest, const std::string& reference) {
  MadeSignature out;
  out.payload = oci::write_claim({.type = std::string(oci::kCosignType), .digest = digest, .reference = reference});
  const UniqueFd key(::open(key_file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!key) throw Error::from_errno(cat("open private key ", quoted(key_file)));
  const UniqueFd payload = memory_file("payload", out.payload);
  auto [ours, theirs] = Channel::make_pair();
  const Child child =
      Child::spawn({.exe = cat(install_prefix(), "/libexec/rkt/sign"), .argv = {"sign"}, .fds = {theirs.fd()}});
  theirs.close();
  json::Object ask;
  ask.set("op", "sign");
  ours.send(json::write(std::move(ask)), {key.get(), payload.get()});
  const auto message = ours.receive();
  if (!message) throw Error(Errc::system, "libexec/rkt/sign ended without an answer");
  const json::Value value = json::parse(message->text);
  const json::Reader answer(value, "answer of libexec/rkt/sign");
  if (const auto error = answer.find("error")) {
    Error e(Errc::invalid, cat("sign with ", quoted(key_file), ": ", printable(error->text(), 1000)));
    throw e.hint(printable(answer.text_or("hint", ""), 1000));
  }
  out.signature = answer.at("signature").text();
  out.key = answer.at("key").text();
  return out;
}

SignatureDocuments add_signature(const std::optional<std::string>& before, const MadeSignature& made) {
  json::Array layers;
  std::vector<std::string> digests;
  bool there = false;
  if (before) {
    const json::Value value = json::parse(*before);
    for (const auto& layer : json::Reader(value, "signature manifest").items("layers")) {
      const auto annotations = layer.find("annotations");
      there = there || (annotations && annotations->text_or(oci::kCosignSignature, "") == made.signature);
      digests.push_back(layer.at("digest").text());
      layers.push_back(layer.value());
    }
  }
  if (!there) {
    if (layers.size() >= oci::kMaxAttached)
      throw Error(Errc::unsupported,
                  cat("the image has ", layers.size(), " signatures, and only ", oci::kMaxAttached, " are looked at"))
          .hint("remove those that nobody needs");
    json::Object added = descriptor(oci::kCosignLayer, made.payload), annotations;
    annotations.set(std::string(oci::kCosignSignature), made.signature);
    digests.push_back(cat("sha256:", sha256_hex(made.payload)));
    added.set("annotations", std::move(annotations));
    layers.emplace_back(std::move(added));
  }
  SignatureDocuments out;
  out.config = signature_config(digests);
  json::Object manifest;
  manifest.set("schemaVersion", 2);
  manifest.set("mediaType", oci::kManifestType);
  manifest.set("config", descriptor(oci::kConfigType, out.config));
  manifest.set("layers", std::move(layers));
  out.manifest = json::write(std::move(manifest));
  return out;
}

Destination::Destination(const config::Config& config, const Insecure& insecure, const std::string& reference,
                         OnProgress show)
    : ref_(oci::Reference::parse(reference)), client_(options_of(insecure), std::move(show)) {
  RegistryDirectory registries(config);
  const auto sources = registries.sources(ref_);  // the last one is no mirror
  client_.set_access(ref_.host, registries.access(sources.back(), ref_.host));
  at_ = client_.reach({.host = ref_.host, .name = ref_.repository});
}

void Destination::put_blob(std::string_view bytes) {
  const UniqueFd file = memory_file("blob", bytes);
  client_.push_blob(
      {.to = at_, .digest = cat("sha256:", sha256_hex(bytes)), .from = {}, .size = bytes.size(), .file = file.get()});
}

Destination::Signed Destination::sign(const std::string& key_file) {
  const std::string which = ref_.digest.empty() ? ref_.tag : ref_.digest;
  const auto found = client_.find_document(at_, cat("/manifests/", which));
  if (!found) throw Error(Errc::not_found, cat("the registry has no ", quoted(cat(ref_.repository, ":", which))));
  const bool is512 = which.starts_with("sha512:");
  const std::string digest =
      cat(is512 ? "sha512:" : "sha256:", is512 ? sha512_hex(found->bytes) : sha256_hex(found->bytes));
  if (!ref_.digest.empty() && digest != ref_.digest)
    throw Error(Errc::untrusted, cat("asked for ", ref_.digest, ", the registry sent ", digest));
  const MadeSignature made = make(key_file, digest);
  attach(digest, made);
  return {.digest = digest, .key = made.key};
}

MadeSignature Destination::make(const std::string& key_file, const std::string& digest) const {
  const std::string host = ref_.host == contacted_host("docker.io") ? "docker.io" : ref_.host;
  return make_signature(key_file, digest, cat(host, "/", ref_.repository));
}

void Destination::attach(const std::string& digest, const MadeSignature& made) {
  const std::string tag = oci::signature_tag(digest);
  const auto before = client_.find_document(at_, cat("/manifests/", tag));
  const SignatureDocuments documents = add_signature(before ? std::optional(before->bytes) : std::nullopt, made);
  put_blob(made.payload);
  put_blob(documents.config);
  client_.push_manifest(at_, tag, std::string(oci::kManifestType), documents.manifest);
}

std::string Destination::push(const store::Store& store, const store::ImageRecord& image) {
  if (!ref_.digest.empty()) throw Error(Errc::usage, "an image is pushed under a tag, not under a digest");
  const std::string manifest = read_all(store.open_blob(image.blobs.at(0)).get(), "manifest");
  const auto mapped = appc::parse_image_manifest(image.manifest);
  const auto annotation = [&](std::string_view name) {
    for (const auto& one : mapped.annotations)
      if (one.name == name) return one.value;
    return std::string();
  };
  const bool here = annotation("appc.io/docker/registryurl") == ref_.host;
  const std::string origin = here ? annotation("appc.io/docker/repository") : std::string();
  const std::set<std::string> blobs(image.blobs.begin() + 1, image.blobs.end());
  for (const auto& name : blobs) {
    const UniqueFd file = store.open_blob(name);
    struct stat st{};
    if (::fstat(file.get(), &st) < 0) throw Error::from_errno(cat("stat blob ", quoted(name)));
    const bool sent = client_.push_blob({.to = at_,
                                         .digest = digest_of_blob(name),
                                         .from = origin == ref_.repository ? std::string() : origin,
                                         .size = static_cast<std::uint64_t>(st.st_size),
                                         .file = file.get()});
    log::debug("image", cat(sent ? "pushed " : "already there: ", name));
  }
  const std::string_view type = oci::manifest_type(image.kind == store::ImageKind::docker);
  client_.push_manifest(at_, ref_.tag, std::string(type), manifest);
  return manifest_digest(image);
}

Destination::Signed sign_layout(const std::string& path, const std::string& reference, const std::string& key_file) {
  const DirFd dir = DirFd::open(path);
  const Layout layout(dir.clone());
  const LayoutImage image = layout.resolve(reference, appc::host_platform());
  const std::string& digest = image.digests.front();
  const LayoutName name = layout_name(path, reference.empty() ? image.own_name : reference);
  const MadeSignature made = make_signature(key_file, digest, name.name);
  const std::string tag = oci::signature_tag(digest);
  std::optional<std::string> before;
  for (const auto& entry : layout.index().manifests)
    if (ref_name(entry) == tag) before = layout.read_blob(entry);
  const SignatureDocuments documents = add_signature(before, made);
  for (const auto& bytes : {made.payload, documents.config, documents.manifest}) write_blob(dir, bytes);
  const std::string index = with_entry(layout.index_bytes(), tag, documents.manifest);
  AtomicFile file(dir, kLayoutIndex, 0644);
  write_all(file.fd(), index, kLayoutIndex);
  file.commit();
  return {.digest = digest, .key = made.key};
}

// What gpg made is looked at as whoever fetches the file will: its configuration may name other keys, or a digest that
// is not accepted.
std::string sign_file(const std::string& path, const std::string& key) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw Error::from_errno(cat("open ", quoted(path)));
  const std::string program = find_gpg();
  const UniqueFd said = memory_file("gpg", ""), made = memory_file("signature", "");
  Child child = Child::spawn(
      {.exe = program,
       .argv = {"gpg", "--yes", "--armor", "--local-user", key, "--output", "-", "--detach-sign", "--", path},
       .env = environment_of_gpg(),
       .in = STDIN_FILENO,
       .out = made.get(),
       .err = said.get()});
  const ExitStatus status = child.wait();
  const std::string text = read_again(said, "messages of gpg");
  if (!status.ok()) throw failure_of_gpg(status, text);
  const std::string signature = read_again(made, "signature");
  if (signature.empty()) throw Error(Errc::system, "gpg wrote no signature, and says that it did");
  const Verdict verdict = verify_detached(file.get(), signature, keys_of_gpg(program, key));
  if (!verdict.good) {
    const Error why = refusal(verdict);
    Error out(Errc::system,
              cat("what gpg made is no signature by ", quoted(key), " that anybody accepts: ", why.cause()));
    throw out.hint("see local-user and digest-algo in gpg.conf");
  }
  write_all(STDERR_FILENO, text, "standard error");
  return signature;
}

}  // namespace rkt::image
