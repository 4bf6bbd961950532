// SPDX-License-Identifier: Apache-2.0
#include "cmd/image_use.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "pod/pod.h"
#include "sys/file.h"
#include "tree/render.h"

namespace rkt::cmd {
namespace {

void add_pod(const pod::Pod& pod, ImageUse& use) {
  const DirFd& dir = pod.dir();
  if (const auto id = find_file_text(dir, "stage1TreeStoreID")) use.trees.emplace_back(trim(*id));
  if (const auto apps = dir.find_sub("appsinfo"))
    for (const auto& app : apps->names())
      if (const auto id = find_file_text(*apps, app + "/treeStoreID")) use.trees.emplace_back(trim(*id));
  for (const auto& app : pod.manifest().apps) {
    use.referenced.insert(app.image_id.key());
    if (pod.state() == pod::State::running) use.running.insert(app.image_id.key());
  }
}

// A pod names its stage1 only by the tree, and `enter` its debug image.
void add_images_of_trees(const store::Store& store, const std::vector<std::string>& held, ImageUse& use) {
  const std::set<std::string> trees(use.trees.begin(), use.trees.end());
  for (const auto& image : store.images()) {
    try {
      const std::string tree = tree::tree_id(store, image);
      if (std::ranges::find(held, tree) != held.end()) use.running.insert(image.key);
      const bool used = use.referenced.contains(image.key) || trees.contains(tree);
      if (!used) continue;
      use.referenced.insert(image.key);
      if (image.kind != store::ImageKind::aci) continue;
      for (const auto& part : tree::flatten_stored(store, image)) use.referenced.insert(part.image.key);
    } catch (const Error& e) {
      log::debug("image", e.brief());  // nothing can be rendered of it, so no pod has a tree of it
    }
  }
}

}  // namespace

ImageUse images_in_use(cli::Env& env, const store::Store& store) {
  ImageUse use;
  const pod::Pods pods = pod::Pods::open(env.data_dir());
  std::vector<std::string> skipped;
  for (const auto& id : pods.list(skipped)) {
    try {
      if (const auto pod = pod::Pod::find(pods, id)) add_pod(*pod, use);
    } catch (const Error& e) {
      // Its trees were noted before its manifest was read: nothing it needs is collected.
      env.err(cat("cannot get stage1 treestoreID for pod ", quoted(id.str()), ": ", e.brief()));
    }
  }
  const auto held = tree::held(store);
  use.trees.insert(use.trees.end(), held.begin(), held.end());
  add_images_of_trees(store, held, use);
  return use;
}

}  // namespace rkt::cmd
