// SPDX-License-Identifier: Apache-2.0
#include "worker/fetch/upload.h"

#include "base/error.h"
#include "base/escapes.h"
#include "base/strings.h"
#include "worker/fetch/url.h"

namespace rkt::fetch {
namespace {

// For answers whose content is of no interest.
class Nothing final : public Receiver {
 public:
  explicit Nothing(std::vector<std::string> fields) : fields_(std::move(fields)) {}
  std::vector<std::string> headers() override { return fields_; }
  bool begin(const Head&) override { return true; }
  void bytes(std::string_view) override {}

 private:
  std::vector<std::string> fields_;
};

}  // namespace

std::string upload_url(const std::string& base, const std::string& location) {
  const Url from = parse_url(base);
  if (location.starts_with("/") && !location.starts_with("//"))
    return cat(from.scheme, "://", from.authority, location);
  const Url to = parse_url(location);
  if (from.tls() && !to.tls())
    throw Error(Errc::denied, cat(shown_url(base), ": the upload is to go to ", shown_url(location), ", over http"));
  return location;
}

bool push_blob(Registry& registry, const Repository& where, const BlobPush& blob) {
  oci::check_digest_syntax(blob.digest);
  Nothing nothing({});
  Get look = registry.request(where, cat("/blobs/", blob.digest), nothing);
  look.method = "HEAD";
  if (registry.perform(where, std::move(look), {200, 404}).status == 200) return false;

  std::string path = "/blobs/uploads/";
  if (!blob.from.empty()) path += cat("?mount=", percent_encode(blob.digest), "&from=", percent_encode(blob.from));
  Get begin = registry.request(where, path, nothing);
  begin.method = "POST";
  const Head begun = registry.perform(where, std::move(begin), {201, 202});
  if (begun.status == 201) return false;

  Nothing binary({"Content-Type: application/octet-stream", "Expect:"});
  Get send = registry.request(where, "/", binary);
  const std::string origin = parse_url(send.url).origin();
  send.url = with_query(upload_url(begun.url, begun.field("location")), cat("digest=", percent_encode(blob.digest)));
  if (parse_url(send.url).origin() != origin) send.authorization.clear();
  send.method = "PUT";
  send.file = blob.file;
  send.file_size = blob.size;
  registry.perform(where, std::move(send), {201});
  return true;
}

void push_manifest(Registry& registry, const Repository& where, const std::string& reference,
                   const std::string& media_type, std::string bytes) {
  Nothing typed({cat("Content-Type: ", media_type), "Expect:"});
  Get put = registry.request(where, cat("/manifests/", reference), typed);
  put.method = "PUT";
  put.body = std::move(bytes);
  registry.perform(where, std::move(put), {201});
}

}  // namespace rkt::fetch
