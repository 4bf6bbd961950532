// SPDX-License-Identifier: Apache-2.0
// A whole archive, unpacked: as a layer over a lower tree (whiteouts, links, hard links into what lies below) and as an
// ACI. Nothing is written beside the tree, whatever the entries are called and wherever its links point.
#include <unistd.h>

#include "sys/file.h"
#include "sys/tempdir.h"
#include "tests/fuzz/fuzz.h"
#include "worker/unpack/aci.h"
#include "worker/unpack/directory_tree.h"
#include "worker/unpack/oci.h"

namespace {

using namespace rkt;
using fuzz::require;

// One place for all inputs: making one is what costs. What lies below is merged already.
struct Place {
  TempDir tmp;
  DirFd top = DirFd::open(tmp.path());
  DirFd out = top.make_sub("out"), lower = top.make_sub("below");
  Place() {
    write_file(lower.make_sub("dir"), "file", "below", 0644);
    require(::symlinkat("../out", lower.get(), "link") == 0);
    require(::symlinkat("/dir", lower.get(), "inside") == 0);
  }
  // What was written is removed again.
  template <class Unpack>
  void check(unpack::Staging::Kind kind, Unpack&& body) {
    {
      const bool layer = kind == unpack::Staging::Kind::layer;
      unpack::DirectoryTree directory(top.make_sub("tree"), ::geteuid() == 0);
      unpack::Staging tree(directory, kind, unpack::Below(layer ? lower.clone() : DirFd()));
      fuzz::tolerate([&] { body(tree); });
    }
    require(out.names().empty());
    require(top.names() == std::vector<std::string>({"below", "out", "tree"}));
    require(read_file(lower, "dir/file") == "below");
    top.remove_tree("tree");
  }
};

}  // namespace

void fuzz_one(std::string_view bytes) {
  static Place place;
  constexpr unpack::Limits kLimits{.bytes = 1 << 20, .entries = 200};
  const auto file = memory_file("archive", bytes);
  place.check(unpack::Staging::Kind::layer, [&](auto& tree) { unpack::unpack_layer(file.get(), {}, kLimits, tree); });
  place.check(unpack::Staging::Kind::plain, [&](auto& tree) { unpack::extract_aci(file.get(), kLimits, tree); });
  place.check(unpack::Staging::Kind::plain, [&](auto& tree) { unpack::unpack_layout(file.get(), kLimits, tree); });
}
