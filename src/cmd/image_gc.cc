// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/env.h"
#include "cmd/image_removal.h"
#include "cmd/registry.h"
#include "image/finder.h"
#include "pod/pod.h"
#include "sys/file.h"
#include "tree/tree.h"

namespace rkt::cmd {
namespace {

// What pods hold on to: trees of every pod that is not garbage, images of running ones.
struct InUse {
  std::vector<std::string> trees;
  std::set<std::string> images;  // store keys
};

void add_pod(const pod::Pod& pod, InUse& use) {
  const DirFd& dir = pod.dir();
  if (const auto id = find_file_text(dir, "stage1TreeStoreID")) use.trees.emplace_back(trim(*id));
  if (const auto apps = dir.find_sub("appsinfo"))
    for (const auto& app : apps->names())
      if (const auto id = find_file_text(*apps, app + "/treeStoreID")) use.trees.emplace_back(trim(*id));
  if (pod.state() != pod::State::running) return;
  for (const auto& app : pod.manifest().apps) use.images.insert(app.image_id.key());
}

InUse look_at_pods(cli::Env& env, const pod::Pods& pods) {
  InUse use;
  std::vector<std::string> skipped;
  for (const auto& id : pods.list(skipped)) {
    try {
      if (const auto pod = pod::Pod::find(pods, id)) add_pod(*pod, use);
    } catch (const Error& e) {
      // Its trees were noted before its manifest was read: nothing it needs is collected.
      env.err(cat("cannot get stage1 treestoreID for pod ", quoted(id.str()), ": ", e.brief()));
    }
  }
  return use;
}

int run_image_gc(cli::Env& env, const cli::Parsed& in) {
  store::Store store = store::Store::open(env.data_dir());
  const pod::Pods pods = pod::Pods::open(env.data_dir());
  InUse use;
  {
    const KeyLock lock = store::prepare_lock(env.data_dir(), LockMode::exclusive);
    use = look_at_pods(env, pods);
    for (const auto& id : tree::collect(store, use.trees)) env.err(cat("removed treestore ", quoted(id)));
  }
  const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  auto images = store.images();
  std::erase_if(images, [&](const auto& r) {
    return now - r.last_used <= in.duration("grace-period") || use.images.contains(r.key);
  });
  std::ranges::stable_sort(images, {}, &store::ImageRecord::last_used);
  remove_images(env, store, images);
  store.sweep(now);
  return 0;
}

}  // namespace

const cli::Command image_gc{
    .name = "image gc",
    .brief = "Garbage collect local store",
    .flags = {cli::duration("grace-period", "24h0m0s",
                            "duration to wait since an image was last used before removing it")},
    .run = run_image_gc};

}  // namespace rkt::cmd
