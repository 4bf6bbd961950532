// SPDX-License-Identifier: Apache-2.0
#include "worker/metadata/api.h"

#include <algorithm>
#include <vector>

#include "base/base64.h"
#include "base/error.h"
#include "base/strings.h"
#include "json/value.h"

namespace rkt::metadata {
namespace {

using Words = std::vector<std::string_view>;

Reply fail(unsigned status, std::string_view text) { return {.status = status, .body = cat(text, "\n")}; }
Reply no_such_page() { return fail(404, "404 page not found"); }
Reply wrong_method() { return fail(405, "method not allowed"); }
Reply text(std::string body) { return {.body = std::move(body)}; }
Reply json_text(std::string body) { return {.body = std::move(body), .json = true}; }

// The pieces of a path below its first slash; the last one has all that is left, slashes too: names have them.
Words pieces(std::string_view path, std::size_t most) {
  Words out;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (out.size() + 1 < most) {
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) break;
    out.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  out.push_back(path);
  return out;
}

unsigned status_of(const Error& e) { return e.code() == Errc::not_found ? 404 : e.code() == Errc::invalid ? 400 : 500; }

using Annotations = std::vector<appc::Annotation>;

Reply all_annotations(const Annotations& annotations) {
  json::Array out;
  for (const auto& a : annotations) out.push_back(json::Object({{"name", a.name}, {"value", a.value}}));
  return json_text(json::write(std::move(out)));
}

Reply one_annotation(const Annotations& annotations, std::string_view name) {
  try {
    appc::AcIdentifier::parse(name);
  } catch (const Error& e) {
    return fail(400, cat("name missing or malformed: ", e.brief()));
  }
  const std::string* value = appc::find_annotation(annotations, name);
  return value != nullptr ? text(*value) : fail(404, cat("annotation ", quoted(name), " not found"));
}

// The image's, overlaid by those of the app in the pod manifest.
Annotations merged(const appc::ImageManifest& image, const appc::RuntimeApp& app) {
  Annotations out = image.annotations;
  for (const auto& own : app.annotations) {
    const auto same = std::ranges::find(out, own.name, &appc::Annotation::name);
    if (same == out.end())
      out.push_back(own);
    else
      same->value = own.value;
  }
  return out;
}

Reply answer_about_pod(const RegisteredPod& pod, std::string_view what) {
  if (what == "annotations") return all_annotations(pod.pod.manifest.annotations);
  if (what.starts_with("annotations/")) return one_annotation(pod.pod.manifest.annotations, what.substr(12));
  if (what == "manifest") return json_text(pod.pod.text);
  if (what == "uuid") return text(pod.uuid.str());
  return no_such_page();
}

Reply answer_about_app(const RegisteredPod& pod, std::string_view name, std::string_view what) {
  const appc::RuntimeApp* app = pod.pod.manifest.find_app(name);
  const auto image = pod.apps.find(name);
  if (app == nullptr || image == pod.apps.end()) return fail(404, "app not found");
  if (what == "annotations") return all_annotations(merged(image->second.manifest, *app));
  if (what.starts_with("annotations/")) return one_annotation(merged(image->second.manifest, *app), what.substr(12));
  if (what == "image/manifest") return json_text(image->second.text);
  if (what == "image/id") return text(app->image_id.str());
  return no_such_page();
}

Reply sign(const Signer& signer, const RegisteredPod& pod, const Request& request) {
  const std::string* content = request.value("content");
  if (content == nullptr) return fail(400, "content form value not found");
  return text(base64_encode(signer.sign(pod.uuid, *content)));
}

Reply verify(const Signer& signer, const Request& request) {
  const std::string *uuid = request.value("uuid"), *content = request.value("content"),
                    *signature = request.value("signature");
  const auto id = Uuid::parse(uuid != nullptr ? *uuid : "");
  if (!id) return fail(400, "uuid field missing or malformed");
  if (content == nullptr) return fail(400, "content field missing");
  const auto bytes = signature != nullptr ? base64_decode(*signature) : std::nullopt;
  if (!bytes) return fail(400, "signature field missing or corrupt");
  return signer.verify(*id, *content, *bytes) ? text("") : fail(403, "signature is not valid");
}

}  // namespace

const std::string* Request::value(std::string_view name) const {
  for (const auto* from : {&form, &query})
    if (const auto it = from->find(name); it != from->end()) return &it->second;
  return nullptr;
}

Reply answer_rkt(Registry& registry, const Request& request) {
  const Words words = pieces(request.path, 4);
  if (words.size() < 2 || words.size() > 3 || words[0] != "pods") return no_such_page();
  const auto uuid = Uuid::parse(words[1]);
  if (!uuid) return fail(400, cat("UUID is missing or malformed: ", quoted(words[1])));
  try {
    if (request.method == "DELETE" && words.size() == 2)
      return registry.remove(*uuid) ? Reply{} : fail(404, "pod not found");
    if (request.method != "PUT") return wrong_method();
    if (words.size() == 3) {
      registry.put_app(*uuid, words[2], request.body);
    } else {
      const auto token = request.query.find("token");
      registry.put_pod(*uuid, token != request.query.end() ? token->second : "", request.body);
    }
    return {};
  } catch (const Error& e) {
    return fail(status_of(e), e.brief());
  }
}

Reply answer_pod(const Registry& registry, const Signer& signer, const Request& request) {
  const Words words = pieces(request.path, 5);  // TOKEN acMetadata v1 pod|apps REST
  if (words.size() < 5 || words[1] != "acMetadata" || words[2] != "v1") return no_such_page();
  const RegisteredPod* pod = registry.find(words[0]);
  if (pod == nullptr) return fail(401, "pod not found");
  const bool about_pod = words[3] == "pod";
  if (!about_pod && words[3] != "apps") return no_such_page();
  const std::string_view rest = words[4];
  if (about_pod && rest.starts_with("hmac/")) {
    if (rest != "hmac/sign" && rest != "hmac/verify") return no_such_page();
    if (request.method != "POST") return wrong_method();
    return rest == "hmac/sign" ? sign(signer, *pod, request) : verify(signer, request);
  }
  if (request.method != "GET" && request.method != "HEAD") return wrong_method();
  if (about_pod) return answer_about_pod(*pod, rest);
  const Words app = pieces(rest, 2);
  return app.size() == 2 ? answer_about_app(*pod, app[0], app[1]) : no_such_page();
}

std::string without_token(std::string_view path) {
  const auto slash = path.find('/', 1);
  return cat("/*", slash == std::string_view::npos ? "" : path.substr(slash));
}

}  // namespace rkt::metadata
