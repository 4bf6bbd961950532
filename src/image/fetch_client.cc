// SPDX-License-Identifier: Apache-2.0
#include "image/fetch_client.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "json/reader.h"
#include "json/value.h"
#include "sys/channel.h"
#include "sys/file.h"
#include "sys/install.h"
#include "sys/spawn.h"
#include "worker/fetch/documents.h"
#include "worker/fetch/protocol.h"

namespace rkt::image {
namespace {

int errno_of(const json::Reader& error) {
  const auto number = error.find("errno");
  return number ? static_cast<int>(number->integer(0, 4095)) : 0;
}

constexpr const char* kWhat = "answer of libexec/rkt/fetch";

[[noreturn]] void distrust(std::string_view what) {
  throw Error(Errc::system, cat("libexec/rkt/fetch gave a wrong answer: ", what));
}

std::string bounded(const json::Reader& in, std::string_view member) {
  std::string text = in.text_or(member, "");
  if (text.size() > fetch::kMaxField) distrust(cat(member, " is too long"));
  return text;
}

std::uint64_t number(const json::Reader& in, std::string_view member) {
  return static_cast<std::uint64_t>(in.at(member).integer(0));
}

std::string encode(const FetchOptions& options) {
  json::Object auth, aws, out;
  for (const auto& one : options.auth) auth.set(one.host, one.header);
  for (const auto& one : options.aws) {
    json::Object key;
    key.set("id", one.id);
    key.set("secret", one.secret);
    key.set("region", one.region);
    aws.set(one.host, std::move(key));
  }
  out.set("insecure_tls", options.insecure_tls);
  out.set("allow_http", options.allow_http);
  out.set("auth", std::move(auth));
  out.set("aws", std::move(aws));
  return json::write(std::move(out));
}

// The proxies as the reference reads them: either case, and none for this machine itself.
std::vector<std::string> worker_env() {
  std::vector<std::string> out = pick_env({"ASAN_OPTIONS", "UBSAN_OPTIONS", "LOCALDOMAIN", "RES_OPTIONS"});
  const auto either = [](const char* small, const char* large) {
    const auto found = env(small);
    return found ? found : env(large);
  };
  if (const auto proxy = either("http_proxy", "HTTP_PROXY")) out.push_back(cat("http_proxy=", *proxy));
  if (const auto proxy = either("https_proxy", "HTTPS_PROXY")) out.push_back(cat("https_proxy=", *proxy));
  const std::string spared = either("no_proxy", "NO_PROXY").value_or("");
  out.push_back(spared == "*" ? "no_proxy=*" : cat("no_proxy=localhost,127.0.0.1,::1,", spared));
  return out;
}

// Every file of a directory, whatever its name, as long as there is a certificate in it.
void add_certificates_in(std::string& out, const std::string& directory) {
  const auto dir = DirFd::find(directory);
  if (!dir) return;
  for (const auto& name : dir->names()) {
    struct stat st{};
    if (::fstatat(dir->get(), name.c_str(), &st, 0) < 0 || !S_ISREG(st.st_mode)) continue;
    const std::string text = read_file(cat(directory, "/", name), fetch::kMaxCertificates);
    if (text.find("-----BEGIN CERTIFICATE-----") != std::string::npos) out += text + "\n";
    if (out.size() > fetch::kMaxCertificates) throw Error(Errc::invalid, cat(directory, ": too many certificates"));
  }
}

// Certificates that are named by the environment may be for this user's eyes only, and lie where the worker cannot
// look.
std::optional<UniqueFd> certificates() {
  const std::string file = env("SSL_CERT_FILE").value_or(""), directories = env("SSL_CERT_DIR").value_or("");
  if (file.empty() && directories.empty()) return std::nullopt;
  std::string pem;
  try {
    if (!file.empty()) pem = read_file(file, fetch::kMaxCertificates) + "\n";
  } catch (const Error& e) {
    throw Error(Errc::invalid, cat("SSL_CERT_FILE: ", e.cause()));  // nothing that was asked for is missing
  }
  for (const auto directory : split(directories, ':'))
    if (!directory.empty()) add_certificates_in(pem, std::string(directory));
  if (pem.empty())
    throw Error(Errc::invalid, cat("no certificates in ", quoted(directories), ", which SSL_CERT_DIR names"));
  return memory_file("certificates", pem);
}

}  // namespace

// One running worker, and the request that it works on.
struct FetchClient::Worker {
  using OnEvent = std::function<void(std::string_view name, const json::Reader& event)>;

  FetchOptions options;
  OnProgress on_progress;
  OnWait on_wait;
  std::optional<Channel> channel;
  std::optional<Child> child;

  /// Sends `request` and returns the worker's last word; `on_event` sees what comes before.
  json::Value ask(const json::Object& request, const std::vector<int>& fds, const OnEvent& on_event);
  void report(const std::string& label, const json::Reader& event) const {
    if (on_progress) on_progress({label, number(event, "done"), number(event, "total"), false});
  }
  void report_end(const std::string& label, std::uint64_t size) const {
    if (on_progress) on_progress({label, size, size, true});
  }

 private:
  void start();
  void stop() noexcept {
    channel.reset();
    child.reset();
  }
  json::Value converse(const json::Object& request, const std::vector<int>& fds, const OnEvent& on_event);
};

void FetchClient::Worker::start() {
  if (channel) return;
  auto [ours, theirs] = Channel::make_pair();
  const std::string exe = cat(install_prefix(), "/libexec/rkt/fetch");
  child.emplace(Child::spawn({.exe = exe, .argv = {exe}, .env = worker_env(), .fds = {theirs.fd()}}));
  channel.emplace(std::move(ours));
  theirs.close();
  const UniqueFd text = memory_file("options", encode(options));
  const auto ca = certificates();
  json::Object first;
  first.set("op", "options");
  first.set("ca", ca.has_value());
  std::vector<int> fds = {text.get()};
  if (ca) fds.push_back(ca->get());
  channel->send(json::write(std::move(first)), fds);
}

// Whatever goes wrong on the way, a worker that is out of step with us is of no more use.
json::Value FetchClient::Worker::ask(const json::Object& request, const std::vector<int>& fds,
                                     const OnEvent& on_event) {
  json::Value last;
  try {
    start();
    last = converse(request, fds, on_event);
  } catch (...) {
    stop();
    throw;
  }
  const json::Reader in(last, kWhat);
  if (in.at("event").text() == "error")
    throw Error(fetch::parse_kind(in.at("kind").text()), printable(in.at("text").text(), 4000))
        .with_errno(errno_of(in));
  return last;
}

json::Value FetchClient::Worker::converse(const json::Object& request, const std::vector<int>& fds,
                                          const OnEvent& on_event) {
  const auto receive = [&] {
    if (on_wait) on_wait(channel->fd());
    return channel->receive();
  };
  channel->send(json::write(request), fds);
  while (const auto message = receive()) {
    json::Value value = json::parse(message->text);
    const json::Reader in(value, kWhat);
    const std::string& name = in.at("event").text();
    if (name == "end" || name == "error") return value;
    if (name == "debug")
      log::debug("image", printable(in.at("text").text(), 1000));
    else
      on_event(name, in);
  }
  const ExitStatus status = child->wait();
  throw Error(Errc::system, status.signal != 0
                                ? cat("libexec/rkt/fetch was killed by signal ", status.signal)
                                : cat("libexec/rkt/fetch ended with status ", status.code, " and without an answer"));
}

FetchClient::FetchClient(FetchOptions options, OnProgress on_progress, OnWait on_wait) : worker_(new Worker) {
  worker_->options = std::move(options);
  worker_->on_progress = std::move(on_progress);
  worker_->on_wait = std::move(on_wait);
}
FetchClient::~FetchClient() = default;
FetchClient::FetchClient(FetchClient&&) noexcept = default;

GetReply FetchClient::get(const GetRequest& request) {
  json::Object ask;
  ask.set("op", "get");
  ask.set("url", request.url);
  ask.set("resume_from", request.resume_from);
  ask.set("validator", request.resume_validator);
  ask.set("if_none_match", request.if_none_match);
  ask.set("if_modified_since", request.if_modified_since);
  ask.set("max_size", request.max_size);
  const json::Value end = worker_->ask(ask, {request.file}, [&](std::string_view name, const json::Reader& event) {
    if (name == "progress") return worker_->report(request.label, event);
    if (name != "headers") distrust("an event out of place");
    if (request.on_headers)
      request.on_headers({bounded(event, "etag"), bounded(event, "last_modified"), number(event, "size")});
    json::Object go;
    go.set("op", "go");
    worker_->channel->send(json::write(std::move(go)));
  });
  const json::Reader in(end, kWhat);
  const std::string& outcome = in.at("outcome").text();
  GetReply reply;
  if (outcome == "not_modified")
    reply.outcome = GetOutcome::not_modified;
  else if (outcome == "deferred")
    reply.outcome = GetOutcome::deferred;
  else if (outcome != "complete")
    distrust("an unknown outcome");
  reply.etag = bounded(in, "etag");
  reply.last_modified = bounded(in, "last_modified");
  reply.max_age = in.at("max_age").integer(0);
  reply.size = number(in, "size");
  reply.resumed = in.boolean_or("resumed", false);
  reply.over_tls = in.boolean_or("over_tls", false);
  if (reply.outcome == GetOutcome::complete) worker_->report_end(request.label, reply.size);
  return reply;
}

namespace {

// JSON makes other bytes longer, and none of them belongs into a URL.
bool is_plain(const std::string& url) {
  return std::ranges::all_of(url, [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

// As many as fit a message.
json::Array usable_urls(const std::vector<std::string>& urls) {
  json::Array out;
  for (const auto& url : urls)
    if (out.size() < fetch::kMaxBlobUrls && url.size() <= fetch::kMaxBlobUrl && url.starts_with("http") &&
        is_plain(url))
      out.emplace_back(url);
  return out;
}

void no_events(std::string_view /*name*/, const json::Reader& /*event*/) { distrust("an event out of place"); }

void name_repository(json::Object& ask, const Repository& at) {
  ask.set("host", at.host);
  ask.set("repository", at.name);
  ask.set("base_url", at.base_url);
}

json::Object question(std::string_view operation, const Repository& at) {
  json::Object ask;
  ask.set("op", operation);
  name_repository(ask, at);
  return ask;
}

}  // namespace

Endpoint FetchClient::discover(const std::string& name, const std::map<std::string, std::string>& labels) {
  json::Object ask, wanted;
  for (const auto& [label, value] : labels) wanted.set(label, value);
  ask.set("op", "discover");
  ask.set("name", name);
  ask.set("labels", std::move(wanted));
  const json::Value end = worker_->ask(ask, {}, no_events);
  const json::Reader in(end, kWhat);
  return {bounded(in, "aci"), bounded(in, "asc")};
}

std::vector<std::string> FetchClient::discover_keys(const std::string& prefix) {
  json::Object ask;
  ask.set("op", "keys");
  ask.set("name", prefix);
  const json::Value end = worker_->ask(ask, {}, no_events);
  auto urls = json::Reader(end, kWhat).texts("urls");
  const bool good = urls.size() <= fetch::kMaxKeys &&
                    std::ranges::all_of(urls, [](const auto& url) { return url.size() <= fetch::kMaxField; });
  if (!good) distrust("too many keys");
  return urls;
}

void FetchClient::set_access(const std::string& host, const RegistryAccess& access) {
  json::Object ask;
  ask.set("op", "access");
  ask.set("host", host);
  ask.set("user", access.account.user);
  ask.set("password", access.account.password);
  ask.set("identity_token", access.account.identity_token);
  ask.set("insecure", access.insecure);
  ask.set("ca", !access.certificates.authorities.empty());
  ask.set("client", !access.certificates.client.empty());
  std::vector<UniqueFd> files;
  for (const auto* pem : {&access.certificates.authorities, &access.certificates.client, &access.certificates.key})
    if (!pem->empty()) files.push_back(memory_file("certificates", *pem));
  std::vector<int> fds;
  for (const auto& file : files) fds.push_back(file.get());
  worker_->ask(ask, fds, no_events);
}

RegistryImage FetchClient::resolve(const Repository& at, const std::string& tag_or_digest,
                                   const appc::OciPlatform& platform) {
  json::Object ask = question("resolve", at);
  ask.set("reference", tag_or_digest);
  ask.set("os", platform.os);
  ask.set("arch", platform.arch);
  ask.set("variant", platform.variant);
  std::vector<UniqueFd> files;
  std::vector<int> fds;
  for (int i = 0; i <= fetch::kMaxDepth + 1; ++i) fds.push_back(files.emplace_back(memory_file("document", {})).get());
  const json::Value end = worker_->ask(ask, fds, no_events);

  const json::Reader in(end, kWhat);
  const auto types = in.texts("types");
  if (types.empty() || types.size() + 1 > files.size()) distrust("a wrong number of documents");
  const auto content = [&](std::size_t i) {
    // The position is shared with the worker, which may have left it anywhere.
    if (::lseek(files[i].get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a document");
    return read_all(files[i].get(), "document of the image", fetch::kMaxDocument);
  };
  std::size_t next = 0;
  const fetch::DocumentSource source{.manifest =
                                         [&](const std::string&, const oci::Descriptor*) {
                                           if (next == types.size()) distrust("a document is missing");
                                           const std::size_t i = next++;
                                           return fetch::Document{.bytes = content(1 + i), .media_type = types[i]};
                                         },
                                     .config = [&](const oci::Descriptor&) { return content(0); }};
  fetch::ImageDocuments found = fetch::walk_image(tag_or_digest, platform, source);
  std::vector<std::string> digests = {found.top_digest};
  for (std::size_t i = 1; i < found.path.size(); ++i)
    digests.push_back(fetch::digest_like("sha256:", found.path[i].bytes));
  return {.manifest = std::move(found.path.back().bytes),
          .manifest_type = std::move(found.path.back().media_type),
          .config = std::move(found.config),
          .digests = std::move(digests),
          .top_digest = std::move(found.top_digest),
          .base_url = bounded(in, "base_url")};
}

std::optional<FetchClient::RepositoryDocument> FetchClient::find_document(const Repository& at,
                                                                          const std::string& path) {
  json::Object ask = question("document", at);
  ask.set("path", path);
  const UniqueFd file = memory_file("document", {});
  const json::Value end = worker_->ask(ask, {file.get()}, no_events);
  const json::Reader in(end, kWhat);
  if (!in.at("found").boolean()) return std::nullopt;
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw Error::from_errno("rewind a document");
  return RepositoryDocument{.bytes = read_all(file.get(), "document of the repository", fetch::kMaxDocument),
                            .media_type = bounded(in, "type"),
                            .next = bounded(in, "next")};
}

Repository FetchClient::reach(Repository at) {
  const json::Value end = worker_->ask(question("reach", at), {}, no_events);
  at.base_url = bounded(json::Reader(end, kWhat), "base_url");
  return at;
}

bool FetchClient::push_blob(const BlobPush& blob) {
  json::Object ask = question("push_blob", blob.to);
  ask.set("digest", blob.digest);
  ask.set("from", blob.from);
  ask.set("size", blob.size);
  const json::Value end = worker_->ask(ask, {blob.file}, no_events);
  return json::Reader(end, kWhat).at("sent").boolean();
}

void FetchClient::push_manifest(const Repository& to, const std::string& reference, const std::string& media_type,
                                const std::string& bytes) {
  json::Object ask = question("push_manifest", to);
  ask.set("reference", reference);
  ask.set("type", media_type);
  const UniqueFd file = memory_file("manifest", bytes);
  worker_->ask(ask, {file.get()}, no_events);
}

void FetchClient::blobs(const std::vector<BlobRequest>& requests, const std::function<void(std::size_t)>& done) {
  for (std::size_t first = 0; first < requests.size(); first += fetch::kMaxBlobs) {
    const std::size_t count = std::min(fetch::kMaxBlobs, requests.size() - first);
    json::Array list;
    std::vector<int> fds;
    for (std::size_t i = first; i < first + count; ++i) {
      const BlobRequest& request = requests[i];
      json::Object blob;
      name_repository(blob, request.from);
      blob.set("digest", request.digest);
      blob.set("urls", usable_urls(request.urls));
      blob.set("size", request.size);
      blob.set("resume_from", request.resume_from);
      list.emplace_back(std::move(blob));
      fds.push_back(request.file);
    }
    json::Object ask;
    ask.set("op", "blobs");
    ask.set("blobs", std::move(list));
    std::vector<bool> complete(count);
    std::vector<std::uint64_t> seen(count);
    worker_->ask(ask, fds, [&](std::string_view name, const json::Reader& event) {
      const auto index = static_cast<std::size_t>(event.at("index").integer(0, static_cast<std::int64_t>(count) - 1));
      const BlobRequest& request = requests[first + index];
      if (name == "progress") {
        seen[index] = number(event, "done");
        return worker_->report(request.label, event);
      }
      if (name != "done" || complete[index]) distrust("an event out of place");
      complete[index] = true;
      worker_->report_end(request.label, request.size == 0 ? seen[index] : request.size);
      done(first + index);
    });
  }
}

}  // namespace rkt::image
