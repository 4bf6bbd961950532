// SPDX-License-Identifier: Apache-2.0
// Making one tree: the parts that tree.cc (render, open, sync) and compare.cc (verify) share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/oci/image.h"
#include "store/store.h"
#include "tree/flatten.h"
#include "tree/tree.h"

namespace rkt::tree {

/// What has to be rendered for an image, bottom first: one step for an ACI, one a layer for Docker/OCI.
struct Step {
  std::string id;
  std::vector<std::string> below;         ///< ids of the trees below, top first
  std::vector<Flat> acis;                 ///< ACI: the flattened images
  std::string blob, media_type, diff_id;  ///< layer
};
std::vector<Step> plan(const store::Store& store, const store::ImageRecord& image);
std::vector<Step> plan_layers(const store::ImageRecord& image, const oci::Manifest& manifest,
                              const oci::Config& config);

/// The images of an ACI chain, looked up in the store.
std::vector<Flat> flatten_stored(const store::Store& store, const store::ImageRecord& image);

/// "chain-sha256-HEX" of a ChainID.
std::string chain_tree_id(const std::string& chain_id);
/// The trees below that of a Docker/OCI image, top first, as the index knows them; of an ACI none.
std::vector<std::string> ids_below_top(const store::ImageRecord& image);
bool is_tree_id(std::string_view id);
bool is_layer_id(std::string_view id);  ///< of a layer's tree: it has others below it

/// Renders one step into a new directory ".ID.XXXX" of cas/tree, complete but for its name; returns that name. The
/// trees below must be complete; where there are files among them this process is in a mount namespace of its own.
/// Under the step's tree lock. What one file cannot hold becomes directories.
std::string render_aside(const store::Store& store, const Step& step, Backend backend);

/// Whether the tree is complete: rendered in this boot, or known to be on disk.
bool is_ready(const DirFd& trees, const std::string& id);

/// Whether the tree is ready, as these options want it; says nothing about those below it.
bool is_usable(const store::Store& store, const Step& step, const Options& options);

/// The trees that a step goes on top of; empty for the lowest.
Tree tree_below(const store::Store& store, const Step& step);

/// Whether the tree is one file, or was one before somebody removed that.
inline constexpr const char* kTreeFile = "rootfs.erofs";
bool is_file(const DirFd& trees, const std::string& id);

/// In cas/tree: an empty directory, a lower where an overlay needs one more.
inline constexpr const char* kEmpty = ".empty";
/// And a lower that holds places to mount something on.
inline constexpr const char* kPlaces = ".places";
/// One of them. Nobody follows a link that was put there: what is no directory is removed.
DirFd make_own_directory(const DirFd& trees, const char* name);

/// What the marker of a tree says.
enum class Standing : std::uint8_t {
  absent,      ///< there is no such tree
  unfinished,  ///< rendered in an earlier boot and never synced: nobody knows whether it is complete
  ready,       ///< complete
  broken,      ///< no marker, or one that nobody writes
};
Standing standing_of(const DirFd& trees, const std::string& id);

/// What becomes of the tree that is in the way of a new one.
enum class Old : std::uint8_t {
  gone,    ///< removed: nobody can be using it, or whoever does has its file mounted
  stands,  ///< a pod may run on it: put the new one there with replace_tree()
};
/// Removes what killed processes left of a tree that is not usable, and what can be of the tree itself; says when it
/// was changed on disk. Under its lock.
Old make_way(const DirFd& trees, const Step& step, const Options& options);
/// Puts `fresh` in the place of a tree, which stays beside it. Whoever looks finds the one or the other. Killed between
/// the two steps it leaves two complete trees.
void replace_tree(const DirFd& trees, const std::string& id, const std::string& fresh);
/// Removes what killed processes left of this tree, and the tree itself. Under its lock.
void remove_remnants(const DirFd& trees, const std::string& id);

/// Boot id of the running kernel.
const std::string& boot_id();

/// End of the name of a damaged tree that was replaced, ".ID.XXXX-old": a pod may run on it.
inline constexpr const char* kReplaced = "-old";

inline constexpr const char* kSynced = "synced";

}  // namespace rkt::tree
