// SPDX-License-Identifier: Apache-2.0
#include "cmd/pod_request.h"

#include <sys/vfs.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/app_flags.h"
#include "image/finder.h"
#include "image/stage1_choice.h"
#include "sys/file.h"

namespace rkt::cmd {
namespace {

image::Stage1Flags stage1_flags(const cli::Parsed& in) {
  return {.url = in.text("stage1-url"),
          .path = in.text("stage1-path"),
          .name = in.text("stage1-name"),
          .hash = in.text("stage1-hash"),
          .from_dir = in.text("stage1-from-dir")};
}

stage0::AppRequest find_app(image::Finder& finder, const cli::ImageArgs& in) {
  stage0::AppRequest request = cli::app_request(in);
  request.image = finder.find({.argument = in.image, .signature_file = in.last("signature").value_or("")});
  request.manifest = appc::parse_image_manifest(request.image.manifest);
  return request;
}

void find_named_in_manifest(image::Finder& finder, const std::string& id, std::size_t app) {
  try {
    finder.find({.argument = id, .signature_file = ""});
  } catch (const Error& e) {
    throw Error(e.code(), cat("apps[", app, "].image.id: ", e.cause()));
  }
}

// The reference finds out about a mount without a volume before it fetches anything.
void check_mounts(const stage0::PrepareRequest& request, const cli::Parsed& in) {
  const auto check = [&](const appc::Mount& m) {
    for (const auto& v : request.volumes)
      if (v.name.str() == m.volume) return;
    throw Error(Errc::usage, cat("error parsing app image arguments: dangling mount point ", quoted(m.path),
                                 ": volume ", quoted(m.volume), " not found"));
  };
  for (const auto& m : request.mounts) check(m);
  for (const auto& image : in.images)
    for (const auto& m : cli::app_request(image).mounts) check(m);
}

}  // namespace

image::FindOptions find_options(cli::Env& env, const std::string& pull_policy) {
  env.warn_before_fetching();
  image::FindOptions o;
  o.pull = pull_policy == "never"    ? image::PullPolicy::never
           : pull_policy == "update" ? image::PullPolicy::update
                                     : image::PullPolicy::fresh;
  o.insecure = env.globals().insecure;
  o.trust_keys_from_https = env.globals().trust_keys_from_https;
  return o;
}

store::ImageRecord find_image(cli::Env& env, store::Store& store, const std::string& argument) {
  const keystore::Keystore keys = env.keystore();
  image::Finder finder(store, &keys, env.config(), find_options(env, "new"));
  return finder.find({.argument = argument, .signature_file = ""});
}

store::ImageRecord find_stage1(cli::Env& env, store::Store& store, const cli::Parsed& in) {
  const image::Stage1Flags stage1 = stage1_flags(in);
  const keystore::Keystore keys = env.keystore();
  image::FindOptions options = find_options(env, "new");
  options.with_dependencies = false;
  image::Finder finder(store, &keys, env.config(), options);
  return image::find_stage1(finder, store, env.config(), stage1);
}

void find_images(cli::Env& env, store::Store& store, const cli::Parsed& in, stage0::PrepareRequest& request,
                 std::string_view frame) {
  check_mounts(request, in);
  request.stage1 = find_stage1(env, store, in);
  const keystore::Keystore keys = env.keystore();
  image::Finder finder(store, &keys, env.config(), find_options(env, cli::pull_policy(in)));
  const auto ids =
      request.pod_manifest_bytes ? stage0::image_ids(*request.pod_manifest_bytes) : std::vector<std::string>{};
  try {
    for (std::size_t i = 0; i < ids.size(); ++i) find_named_in_manifest(finder, ids[i], i);
    for (const auto& image : in.images) request.apps.push_back(find_app(finder, image));
  } catch (Error& e) {
    if (!frame.empty()) e.push(std::string(frame));
    throw;
  }
}

bool overlay_usable(const std::string& data) {
  std::string why;
  if (read_file("/proc/filesystems").find("nodev\toverlay") == std::string::npos)
    why = "overlay entry not present in /proc/filesystems";
  struct statfs fs{};
  constexpr long kAufs = 0x61756673, kZfs = 0x2fc12fc1;
  if (::statfs(data.c_str(), &fs) == 0) {
    if (fs.f_type == kAufs) why = "unsupported filesystem: aufs";
    if (fs.f_type == kZfs) why = "unsupported filesystem: zfs";
  }
  if (why.empty()) return true;
  log::note("stage0", cat("disabling overlay support: ", quoted(why)));
  return false;
}

}  // namespace rkt::cmd
