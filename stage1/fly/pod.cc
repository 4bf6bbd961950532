// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/pod.h"

#include <grp.h>
#include <unistd.h>

#include <limits>

#include "base/error.h"
#include "base/strings.h"
#include "stage1/common/accounts.h"
#include "stage1/fly/typing.h"
#include "sys/file.h"
#include "sys/rootless.h"

namespace rkt::fly {
namespace {

constexpr const char* kUserFile = "stage1-fly.user";

}  // namespace

const appc::App& FlyPod::exec_spec() const {
  if (app().app) return *app().app;
  if (image.app) return *image.app;
  throw Error(Errc::invalid, cat("app ", quoted(app().name.str()), " has no app section"));
}

FlyPod load_pod() {
  DirFd dir = DirFd::open(".");
  auto manifest = appc::parse_pod_manifest(read_file(dir, "pod"));
  if (manifest.apps.size() != 1) throw Error(Errc::unsupported, "fly only supports 1 application per Pod for now");
  const std::string name = manifest.apps.front().name.str();
  DirFd stage1 = dir.sub("stage1/rootfs");
  const DirFd stage2 = stage1.sub(cat("opt/stage2/", name));
  auto image = appc::parse_image_manifest(read_file(stage2, "manifest"));
  DirFd root = stage2.sub("rootfs");
  return {.dir = std::move(dir),
          .stage1 = std::move(stage1),
          .root = std::move(root),
          .manifest = std::move(manifest),
          .image = std::move(image)};
}

Credentials credentials_of(const FlyPod& pod) {
  const appc::App& spec = pod.exec_spec();
  Credentials out{.uid = stage1::resolve_user(pod.root, spec.user), .gid = 0, .groups = {}};
  const auto groups = stage1::resolve_app_groups(pod.root, spec, pod.image, out.uid);
  out.gid = groups.primary;
  out.groups.push_back(out.gid);
  out.groups.insert(out.groups.end(), groups.of_image.begin(), groups.of_image.end());
  for (const auto gid : spec.supplementary_gids) {
    if (gid < 0 || gid >= std::numeric_limits<gid_t>::max()) throw Error(Errc::invalid, "Invalid uid or gid");
    out.groups.push_back(static_cast<gid_t>(gid));
  }
  return out;
}

Credentials credentials_of(const FlyPod& pod, const std::string& account) {
  const auto found = stage1::resolve_account(pod.root, account);
  Credentials out{.uid = found.uid, .gid = found.groups.primary, .groups = {found.groups.primary}};
  out.groups.insert(out.groups.end(), found.groups.of_image.begin(), found.groups.of_image.end());
  return out;
}

void save_credentials(const DirFd& pod, const Credentials& who) {
  std::string text = cat(who.uid);
  for (const auto gid : who.groups) text += cat(" ", gid);
  AtomicFile file(pod, kUserFile, 0644);
  write_all(file.fd(), text + '\n', kUserFile);
  file.commit(AtomicFile::Sync::no);
}

Credentials load_credentials(const DirFd& pod) {
  const std::string text = read_file(pod, kUserFile);
  const auto words = split(trim(text), ' ');
  std::vector<gid_t> ids;
  for (const auto word : words)
    if (const auto id = parse_int<gid_t>(word)) ids.push_back(*id);
  if (ids.size() != words.size() || ids.size() < 2)
    throw Error(Errc::invalid, cat("the pod's file ", quoted(kUserFile), " is malformed"));
  return {.uid = ids[0], .gid = ids[1], .groups = {ids.begin() + 1, ids.end()}};
}

void take_credentials(const Credentials& who) {
  if (who.uid != 0) forbid_typing();
  if (known_ids() != Ids::one && ::setgroups(who.groups.size(), who.groups.data()) < 0)
    throw Error::from_errno("set the supplementary groups");
  if (::setresgid(who.gid, who.gid, who.gid) < 0) throw Error::from_errno(cat("become group ", who.gid));
  if (::setresuid(who.uid, who.uid, who.uid) < 0) throw Error::from_errno(cat("become user ", who.uid));
}

std::string env_file(const std::string& app) { return cat("rkt/env/", app); }

}  // namespace rkt::fly
