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

// Trees come first: they are known of a pod whose manifest cannot be read, too.
void add_trees(const pod::Pod& pod, ImageUse& use, std::set<std::string>& running) {
  const DirFd& dir = pod.dir();
  if (const auto id = find_file_text(dir, "stage1TreeStoreID")) use.trees.emplace_back(trim(*id));
  const auto apps = dir.find_sub("appsinfo");
  if (!apps) return;
  for (const auto& app : apps->names()) {
    const auto id = find_file_text(*apps, app + "/treeStoreID");
    if (!id) continue;
    use.trees.emplace_back(trim(*id));
    if (pod.state() == pod::State::running) running.emplace(trim(*id));
  }
}

void add_images(const pod::Pod& pod, ImageUse& use) {
  for (const auto& app : pod.manifest().apps) {
    use.referenced.insert(app.image_id.key());
    if (pod.state() == pod::State::running) use.running.insert(app.image_id.key());
  }
}

// A pod names its stage1 only by the tree, and `enter` its debug image. `running`: trees that are in use now.
void add_images_of_trees(const store::Store& store, const std::set<std::string>& running, ImageUse& use) {
  const std::set<std::string> trees(use.trees.begin(), use.trees.end());
  for (const auto& image : store.images()) {
    try {
      const std::string tree = tree::tree_id(store, image);
      if (running.contains(tree)) use.running.insert(image.key);
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
  std::set<std::string> running;
  std::vector<std::string> strays;
  for (const auto& id : pods.list(strays)) {
    bool trees_known = false;
    try {
      const auto pod = pod::Pod::find(pods, id);
      if (!pod) continue;
      add_trees(*pod, use, running);
      trees_known = true;
      add_images(*pod, use);
    } catch (const Error& e) {
      env.err(trees_known ? cat("pod ", quoted(id.str()), " keeps images by their trees alone: ", e.brief())
                          : cat("cannot get stage1 treestoreID for pod ", quoted(id.str()), ": ", e.brief()));
    }
  }
  for (const auto& line : strays) log::debug("image", line);
  const auto held = tree::held(store);
  use.trees.insert(use.trees.end(), held.begin(), held.end());
  running.insert(held.begin(), held.end());
  add_images_of_trees(store, running, use);
  return use;
}

}  // namespace rkt::cmd
