// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/serve.h"

#include "base/error.h"
#include "base/printable.h"
#include "base/strings.h"
#include "json/reader.h"
#include "sys/file.h"
#include "worker/fetch/blobs.h"
#include "worker/fetch/discovery.h"
#include "worker/fetch/download.h"
#include "worker/fetch/protocol.h"
#include "worker/fetch/upload.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

constexpr std::size_t kMaxKeyBytes = std::size_t{48} << 10;  // all locations of one answer, as JSON

std::uint64_t number(const json::Reader& in, std::string_view member) {
  const auto found = in.find(member);
  return found ? static_cast<std::uint64_t>(found->integer(0)) : 0;
}

int descriptor(const Channel::Message& message, std::size_t index) {
  if (index >= message.fds.size()) throw Error(Errc::bug, "a fetch request lacks descriptors");
  return message.fds[index].get();
}

// Header fields that are too long to be passed on are as good as absent.
std::string bounded(const std::string& text) { return text.size() > kMaxField ? std::string{} : text; }

json::Object event(const char* name) {
  json::Object out;
  out.set("event", name);
  return out;
}

Repository repository_in(const json::Reader& in) {
  return {in.at("host").text(), in.at("repository").text(), in.at("base_url").text()};
}

class Server {
 public:
  explicit Server(Channel channel) : session_(std::move(channel)), engine_(session_), registry_(session_, engine_) {}

  void run() {
    while (const auto message = session_.channel().receive()) {
      json::Object failure = event("error");
      try {
        session_.tell(answer(*message));
        continue;
      } catch (const Error& e) {
        failure.set("kind", kind_of(e.code()));
        failure.set("text", printable(e.brief(), 4000));
        failure.set("errno", std::int64_t{e.sys_errno()});
      } catch (const std::exception& e) {
        failure.set("kind", kind_of(Errc::system));
        failure.set("text", printable(e.what(), 1000));
      }
      session_.tell(std::move(failure));
    }
  }

 private:
  json::Object answer(const Channel::Message& message) {
    const json::Value value = json::parse(message.text);
    const json::Reader in(value, "fetch request");
    const std::string& op = in.at("op").text();
    if (op == "get") return get(in, message);
    if (op == "discover") return discover(in);
    if (op == "keys") return keys(in);
    if (op == "access") return access(in, message);
    if (op == "resolve") return resolve(in, message);
    if (op == "document") return document(in, message);
    if (op == "reach") return reach(in);
    if (op == "push_blob") return push_blob(in, message);
    if (op == "push_manifest") return push_manifest(in, message);
    if (op == "blobs") return blobs(in, message);
    throw Error(Errc::bug, cat("unknown fetch request ", quoted(op)));
  }

  json::Object get(const json::Reader& in, const Channel::Message& message);
  json::Object discover(const json::Reader& in);
  json::Object keys(const json::Reader& in);
  json::Object access(const json::Reader& in, const Channel::Message& message);
  json::Object resolve(const json::Reader& in, const Channel::Message& message);
  json::Object document(const json::Reader& in, const Channel::Message& message);
  json::Object reach(const json::Reader& in);
  json::Object push_blob(const json::Reader& in, const Channel::Message& message);
  json::Object push_manifest(const json::Reader& in, const Channel::Message& message);
  json::Object blobs(const json::Reader& in, const Channel::Message& message);
  void tell_headers(const Head& head, std::uint64_t size);

  Session session_;
  Engine engine_;
  Registry registry_;
};

void Server::tell_headers(const Head& head, std::uint64_t size) {
  json::Object out = event("headers");
  out.set("etag", bounded(head.field("etag")));
  out.set("last_modified", bounded(head.field("last-modified")));
  out.set("size", size);
  session_.tell(std::move(out));
  session_.await_go();
}

json::Object Server::get(const json::Reader& in, const Channel::Message& message) {
  ToFile file(
      descriptor(message, 0),
      {.name = {},
       .have = number(in, "resume_from"),
       .validator = in.text_or("validator", ""),
       .if_none_match = in.text_or("if_none_match", ""),
       .if_modified_since = in.text_or("if_modified_since", ""),
       .max_size = number(in, "max_size"),
       .size = {},
       .digest = {}},
      [this](std::uint64_t done, std::uint64_t total) { session_.progress(0, done, total); },
      [this](const Head& head, std::uint64_t size) { tell_headers(head, size); });
  Get request{.url = in.at("url").text(), .receiver = &file, .only_tls = !session_.options().allow_http};
  const Url url = parse_url(request.url);
  const auto& auth = session_.options().auth;
  const auto& aws = session_.options().aws;
  if (const auto own = auth.find(url.authority); url.tls() && own != auth.end()) request.authorization = own->second;
  if (const auto own = aws.find(url.authority); url.tls() && own != aws.end()) request.aws = &own->second;

  Head last;
  engine_.run(std::span<Get>(&request, 1), 1, [&](std::size_t, const Head& head) {
    last = head;
    const bool other_range = head.status == 416 || (head.status == 206 && !file.resumed());
    return other_range && file.restart() ? Engine::Next::again : Engine::Next::finished;
  });
  json::Object out = event("end");
  const bool conditional = !cat(in.text_or("if_none_match", ""), in.text_or("if_modified_since", "")).empty();
  if (last.status == 304 && conditional) {
    out.set("outcome", "not_modified");
  } else if (last.status == 202) {
    out.set("outcome", "deferred");
  } else if (last.status == 200 || (last.status == 206 && file.resumed())) {
    file.complete();
    out.set("outcome", "complete");
  } else {
    throw_status(last);
  }
  out.set("etag", bounded(last.field("etag")));
  out.set("last_modified", bounded(last.field("last-modified")));
  out.set("max_age", max_age(last.all("cache-control")));
  out.set("size", file.size());
  out.set("resumed", file.resumed());
  out.set("over_tls", last.over_tls);
  return out;
}

json::Object Server::discover(const json::Reader& in) {
  std::map<std::string, std::string> labels;
  for (const auto& [name, value] : in.at("labels").members()) labels[name] = value.text();
  const Endpoints found = discover_image(session_, engine_, in.at("name").text(), labels);
  json::Object out = event("end");
  out.set("aci", found.aci);
  out.set("asc", found.asc);
  return out;
}

json::Object Server::keys(const json::Reader& in) {
  json::Array urls;
  std::size_t bytes = 0;
  for (auto& url : discover_keys(session_, engine_, in.at("name").text())) {
    json::Value value(std::move(url));
    bytes += json::write(value).size() + 1;
    if (bytes > kMaxKeyBytes) break;
    urls.push_back(std::move(value));
  }
  json::Object out = event("end");
  out.set("urls", std::move(urls));
  return out;
}

json::Object Server::access(const json::Reader& in, const Channel::Message& message) {
  Access out{.user = in.text_or("user", ""),
             .password = in.text_or("password", ""),
             .identity_token = in.text_or("identity_token", ""),
             .insecure = in.boolean_or("insecure", false)};
  const auto pem = [&](std::size_t index) {
    return read_all(descriptor(message, index), "certificates", kMaxCertificates);
  };
  std::size_t next = 0;
  if (in.boolean_or("ca", false)) {
    out.certificates = session_.options().certificates;
    if (out.certificates.empty()) out.certificates = system_certificates();
    out.certificates += pem(next++);
  }
  if (in.boolean_or("client", false)) {
    out.client = pem(next++);
    out.client_key = pem(next++);
  }
  session_.set_access(in.at("host").text(), std::move(out));
  return event("end");
}

json::Object Server::resolve(const json::Reader& in, const Channel::Message& message) {
  Repository where{.host = in.at("host").text(), .name = in.at("repository").text(), .base_url = {}};
  const appc::OciPlatform platform{in.at("os").text(), in.at("arch").text(), in.at("variant").text()};
  const ImageDocuments found = registry_.resolve(where, in.at("reference").text(), platform);
  write_all(descriptor(message, 0), found.config, "configuration");
  json::Array types;
  for (std::size_t i = 0; i < found.path.size(); ++i) {
    write_all(descriptor(message, 1 + i), found.path[i].bytes, "manifest");
    types.emplace_back(found.path[i].media_type);
  }
  json::Object out = event("end");
  out.set("base_url", where.base_url);
  out.set("types", std::move(types));
  return out;
}

json::Object Server::document(const json::Reader& in, const Channel::Message& message) {
  const Repository where = repository_in(in);
  const auto found = registry_.find_document(where, in.at("path").text());
  if (found) write_all(descriptor(message, 0), found->bytes, "document");
  json::Object out = event("end");
  out.set("found", found.has_value());
  out.set("type", found ? bounded(found->media_type) : std::string{});
  out.set("next", found ? bounded(found->next) : std::string{});
  return out;
}

json::Object Server::reach(const json::Reader& in) {
  Repository where{in.at("host").text(), in.at("repository").text(), {}};
  registry_.reach(where);
  json::Object out = event("end");
  out.set("base_url", where.base_url);
  return out;
}

json::Object Server::push_blob(const json::Reader& in, const Channel::Message& message) {
  json::Object out = event("end");
  out.set("sent", fetch::push_blob(registry_, repository_in(in),
                                   {.digest = in.at("digest").text(),
                                    .from = in.text_or("from", ""),
                                    .size = number(in, "size"),
                                    .file = descriptor(message, 0)}));
  return out;
}

json::Object Server::push_manifest(const json::Reader& in, const Channel::Message& message) {
  fetch::push_manifest(registry_, repository_in(in), in.at("reference").text(), in.at("type").text(),
                       read_all(descriptor(message, 0), "manifest", kMaxDocument));
  return event("end");
}

json::Object Server::blobs(const json::Reader& in, const Channel::Message& message) {
  std::vector<BlobWant> wants;
  for (const auto& blob : in.items("blobs"))
    wants.push_back({.where = {blob.at("host").text(), blob.at("repository").text(), blob.at("base_url").text()},
                     .digest = blob.at("digest").text(),
                     .urls = blob.texts("urls"),
                     .size = number(blob, "size"),
                     .resume_from = number(blob, "resume_from"),
                     .file = descriptor(message, wants.size())});
  fetch_blobs(session_, engine_, registry_, wants, [this](std::size_t index) {
    json::Object done = event("done");
    done.set("index", std::uint64_t{index});
    session_.tell(std::move(done));
  });
  return event("end");
}

}  // namespace

void serve(Channel channel) { Server(std::move(channel)).run(); }

}  // namespace rkt::fetch
