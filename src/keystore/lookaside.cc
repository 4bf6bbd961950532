// SPDX-License-Identifier: Apache-2.0
#include "keystore/lookaside.h"

#include <yaml.h>

#include <memory>

#include "base/error.h"
#include "base/strings.h"
#include "json/reader.h"
#include "sys/dir.h"
#include "sys/file.h"

namespace rkt::keystore {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;
constexpr int kMaxNesting = 16;
constexpr std::size_t kMaxItems = 10'000;

struct DeleteParser {
  void operator()(yaml_parser_t* p) const noexcept {
    yaml_parser_delete(p);
    delete p;
  }
};
struct DeleteEvent {
  void operator()(yaml_event_t* e) const noexcept {
    yaml_event_delete(e);
    delete e;
  }
};
using Event = std::unique_ptr<yaml_event_t, DeleteEvent>;

// One document as the tree that JSON has: mappings, sequences, and every scalar as text (an empty one as null). Aliases
// are refused: a small file could unfold to a large one.
class Yaml {
 public:
  explicit Yaml(std::string_view text) : parser_(new yaml_parser_t) {
    if (yaml_parser_initialize(parser_.get()) == 0) throw Error(Errc::system, "out of memory");
    yaml_parser_set_input_string(parser_.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }

  json::Value document() {
    for (;;) {
      const Event event = next();
      if (event->type == YAML_STREAM_END_EVENT) return {};
      if (event->type == YAML_DOCUMENT_START_EVENT) return value(*next(), 0);
    }
  }

 private:
  [[noreturn]] static void fail(const yaml_mark_t& at, std::string_view why) {
    throw Error(Errc::invalid, cat("line ", at.line + 1, ", column ", at.column + 1, ": ", why));
  }

  Event next() {
    Event event(new yaml_event_t{});
    if (yaml_parser_parse(parser_.get(), event.get()) == 0)
      fail(parser_->problem_mark, parser_->problem == nullptr ? "not YAML" : parser_->problem);
    if (++items_ > kMaxItems) fail(event->start_mark, "too many items");
    return event;
  }

  static std::string text(const yaml_event_t& event) {
    return {reinterpret_cast<const char*>(event.data.scalar.value), event.data.scalar.length};
  }

  json::Value value(const yaml_event_t& event, int depth) {
    if (depth > kMaxNesting) fail(event.start_mark, "nested too deeply");
    switch (static_cast<int>(event.type)) {
      case YAML_SCALAR_EVENT:
        if (event.data.scalar.length == 0 && event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) return {};
        return text(event);
      case YAML_MAPPING_START_EVENT:
        return mapping(depth);
      case YAML_SEQUENCE_START_EVENT:
        return sequence(depth);
      default:
        fail(event.start_mark, "aliases are not supported");
    }
  }

  json::Value mapping(int depth) {
    json::Object out;
    for (;;) {
      const Event key = next();
      if (key->type == YAML_MAPPING_END_EVENT) return out;
      if (key->type != YAML_SCALAR_EVENT) fail(key->start_mark, "a key that is no text");
      const std::string name = text(*key);
      if (out.find(name) != nullptr) fail(key->start_mark, cat("key ", quoted(name), " is given twice"));
      out.set(name, value(*next(), depth + 1));
    }
  }

  json::Value sequence(int depth) {
    json::Array out;
    for (;;) {
      const Event item = next();
      if (item->type == YAML_SEQUENCE_END_EVENT) return out;
      out.push_back(value(*item, depth + 1));
    }
  }

  std::unique_ptr<yaml_parser_t, DeleteParser> parser_;
  std::size_t items_ = 0;
};

// "sigstore" is what the member was called before.
std::string lookaside_in(const json::Reader& in) {
  std::string url = in.text_or("lookaside", in.text_or("sigstore", ""));
  const bool good =
      url.empty() || url.starts_with("file:///") || url.starts_with("http://") || url.starts_with("https://");
  if (!good) in.fail(cat("lookaside ", quoted(url), " is no file, http or https URL"));
  while (url.ends_with('/')) url.pop_back();
  return url;
}

void read_file_of(Lookasides& out, const json::Value& value) {
  if (value.is_null()) return;
  const json::Reader in(value);
  if (const auto general = in.find("default-docker")) {
    if (!out.fallback.empty()) general->fail("given in another file, too");
    out.fallback = lookaside_in(*general);
  }
  if (const auto docker = in.find("docker"))
    for (const auto& [scope, entry] : docker->members()) {
      if (out.docker.contains(scope)) entry.fail("given in another file, too");
      out.docker[scope] = entry.value().is_null() ? std::string() : lookaside_in(entry);
    }
}

}  // namespace

void add_lookasides(Lookasides& lookasides, std::string_view yaml, const std::string& path) {
  in_place([&] { return path; }, [&] { read_file_of(lookasides, Yaml(yaml).document()); });
}

Lookasides load_lookasides() {
  Lookasides out;
  std::string where = "/etc/containers/registries.d";
  if (const auto home = env("HOME"); home && !home->empty())
    if (const std::string own = cat(*home, "/.config/containers/registries.d"); DirFd::find(own)) where = own;
  const auto dir = DirFd::find(where);
  if (!dir) return out;
  for (const auto& name : dir->names())
    if (name.ends_with(".yaml")) add_lookasides(out, read_file(cat(where, "/", name), kMaxFile), cat(where, "/", name));
  return out;
}

std::string signature_base(const Lookasides& lookasides, const ImageReference& image, const std::string& digest) {
  std::string base = lookasides.fallback;
  for (const auto& scope : docker_scopes(image))
    if (const auto found = lookasides.docker.find(scope); found != lookasides.docker.end() && !found->second.empty()) {
      base = found->second;
      break;
    }
  const auto slash = image.repository.find('/'), colon = digest.find(':');
  if (base.empty() || slash == std::string::npos || colon == std::string::npos) return {};
  return cat(base, image.repository.substr(slash), "@", digest.substr(0, colon), "=", digest.substr(colon + 1),
             "/signature-");
}

}  // namespace rkt::keystore
