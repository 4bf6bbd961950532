// SPDX-License-Identifier: Apache-2.0
#include "image/stage1_choice.h"

#include <sys/stat.h>

#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/install.h"

namespace rkt::image {
namespace {

constexpr std::string_view kOurs = "coreos.com/rkt/stage1-";

std::optional<std::string> local_image(const std::string& file) {
  for (const auto& dir : stage1_directories()) {
    std::string path = cat(dir, "/", file);
    if (::access(path.c_str(), R_OK) == 0) return path;
  }
  return std::nullopt;
}

// Which file an image was stored from: its row is used as long as the file is the same. Reading a few bytes of metadata
// instead of hashing the image is what keeps a start fast.
std::string identity_of(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) < 0) throw Error::from_errno(cat("stat ", quoted(path)));
  return cat("stage1:", path, ":", st.st_dev, ":", st.st_ino, ":", st.st_size, ":", st.st_mtim.tv_sec, ".",
             st.st_mtim.tv_nsec, ":", st.st_ctim.tv_sec, ".", st.st_ctim.tv_nsec);
}

store::ImageRecord from_local_file(Finder& finder, store::Store& store, const std::string& path) {
  const std::string identity = identity_of(path);
  if (const auto key = store.find_remote_key(identity)) {
    try {
      return finder.find({.argument = *key, .signature_file = ""});
    } catch (const Error& e) {
      log::debug("image", cat("stage1 in the store is not used: ", e.brief()));
    }
  }
  store::ImageRecord record = finder.find({.argument = path, .signature_file = ""});
  if (store.writable()) store.add_remote({.url = identity, .key = record.key});
  return record;
}

// A name of our own, with or without a version: the file beside this binary, when it is that version.
std::optional<store::ImageRecord> ours(Finder& finder, store::Store& store, const std::string& name) {
  if (!name.starts_with(kOurs)) return std::nullopt;
  const auto app = appc::AppString::parse(name);
  if (const auto v = app.labels.find("version"); v != app.labels.end() && v->second != RKT_VERSION) return std::nullopt;
  const auto path = local_image(cat("stage1-", app.name.substr(kOurs.size()), ".aci"));
  if (!path) return std::nullopt;
  return from_local_file(finder, store, *path);
}

store::ImageRecord by_name(Finder& finder, store::Store& store, const std::string& text) {
  const std::string name = resolve_stage1_alias(text);
  if (auto record = ours(finder, store, name)) return std::move(*record);
  return finder.find({.argument = name, .signature_file = ""});
}

store::ImageRecord from_directory(Finder& finder, const config::Config& config, const std::string& file) {
  if (!config.stage1_images.empty())
    return finder.find({.argument = cat(config.stage1_images, "/", file), .signature_file = ""});
  const auto path = local_image(file);
  if (!path)
    throw Error(Errc::not_found, cat("no stage1 image ", quoted(file), " in ", quoted(stage1_directories().front())));
  return finder.find({.argument = *path, .signature_file = ""});
}

std::string absolute(const std::string& path) {
  if (path.starts_with("/")) return path;
  const std::unique_ptr<char, decltype(&::free)> cwd(::getcwd(nullptr, 0), &::free);
  if (!cwd) throw Error::from_errno("read the current directory");
  return cat(cwd.get(), "/", path);
}

// A path that nothing can be had from: the file of that name beside this binary, verified like it.
store::ImageRecord from_location(Finder& finder, const std::string& location) {
  try {
    return finder.find({.argument = location, .signature_file = ""});
  } catch (Error& e) {
    if (!location.starts_with('/') || e.code() == Errc::untrusted) throw;
    const std::string beside = cat(binary_directory(), location.substr(location.rfind('/')));
    if (beside == location || ::access(beside.c_str(), F_OK) < 0) {
      e.push("failed to fetch stage1 image and failed to fall back to stage1 image in the rkt directory");
      throw;
    }
    log::debug("image", cat(quoted(beside), " instead of the configured stage1 image: ", e.brief()));
    return finder.find({.argument = beside, .signature_file = ""});
  }
}

// A configured name is looked up in the store and never asks the network; that of a build in progress means nothing.
std::optional<store::ImageRecord> configured(Finder& finder, store::Store& store, const config::Config& config) {
  if (config.stage1_name.empty() || config.stage1_version.ends_with("-dirty")) return std::nullopt;
  const std::string name = resolve_stage1_alias(config.stage1_name);
  const auto stored = store.find(name, {{"version", config.stage1_version}});
  if (!stored) return std::nullopt;
  if (auto record = ours(finder, store, cat(name, ":", config.stage1_version))) return record;
  try {
    return finder.find({.argument = stored->key, .signature_file = ""});
  } catch (const Error& e) {
    log::note("image", cat("stage1 image ", quoted(name), " in the store is not used: ", e.brief()));
    return std::nullopt;
  }
}

}  // namespace

std::vector<std::string> stage1_directories() {
  return {cat(install_prefix(), "/lib/rkt/stage1-images"), binary_directory()};
}

std::string resolve_stage1_alias(const std::string& name) {
  for (const std::string_view old : {"coreos", "host", "src"}) {
    const std::string full = cat(kOurs, old);
    if (name == full) return cat(kOurs, "native");
    if (name.starts_with(cat(full, ":")) || name.starts_with(cat(full, ","))) return cat(kOurs, "native");
  }
  return name;
}

store::ImageRecord find_stage1(Finder& finder, store::Store& store, const config::Config& config,
                               const Stage1Flags& flags) {
  if (!flags.url.empty()) return finder.find({.argument = flags.url, .signature_file = ""});
  if (!flags.path.empty()) return finder.find({.argument = absolute(flags.path), .signature_file = ""});
  if (!flags.name.empty()) return by_name(finder, store, flags.name);
  if (!flags.hash.empty()) return finder.find({.argument = flags.hash, .signature_file = ""});
  if (!flags.from_dir.empty()) return from_directory(finder, config, flags.from_dir);
  if (auto record = configured(finder, store, config)) return std::move(*record);
  if (!config.stage1_location.empty()) return from_location(finder, config.stage1_location);
  for (const std::string& name : {resolve_stage1_alias(config.stage1_name), cat(kOurs, "native")})
    if (auto record = ours(finder, store, name)) return std::move(*record);
  throw Error(Errc::not_found,
              cat("no stage1 image beside this binary (looked in ", quoted(stage1_directories().front()), ")"))
      .hint("reinstall rkt, or use --stage1-{path,url,name,hash,from-dir}");
}

}  // namespace rkt::image
