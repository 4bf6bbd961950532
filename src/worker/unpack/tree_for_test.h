// SPDX-License-Identifier: Apache-2.0
// A new tree of either form, and one way to look at what became of it, so that the same tests run on both.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sys/file.h"
#include "sys/tempdir.h"
#include "worker/unpack/directory_tree.h"
#include "worker/unpack/erofs_reader_for_test.h"
#include "worker/unpack/erofs_tree.h"
#include "worker/unpack/protocol.h"

namespace rkt::unpack::test {

class TreeForTest {
 public:
  explicit TreeForTest(Form form) : form_(form) {
    if (form == Form::directory)
      tree_ = std::make_unique<DirectoryTree>(dir_.dir().clone(), false);
    else
      tree_ = std::make_unique<ErofsTree>(image_.get(), scratch_.get(), ErofsTree::Uuid{1, 2, 3});
  }
  NewTree& operator*() { return *tree_; }

  struct Node {
    mode_t mode = 0;
    timespec mtime{};
    std::uint64_t inode = 0, links = 0, size = 0;
    std::string text;  // content, or target of a link
  };
  // After finish():
  Node look(const std::string& path) const {
    if (form_ == Form::erofs) {
      const auto& n = reader().node(path);
      return {.mode = n.inode.mode,
              .mtime = {n.inode.mtime, n.inode.mtime_nsec},
              .inode = n.nid,
              .links = n.inode.links,
              .size = n.inode.size,
              .text = n.type() == S_IFDIR ? "" : n.content};
    }
    struct stat st{};
    EXPECT_EQ(::fstatat(dir_.dir().get(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW), 0) << path;
    Node out{.mode = st.st_mode,
             .mtime = st.st_mtim,
             .inode = st.st_ino,
             .links = st.st_nlink,
             .size = static_cast<std::uint64_t>(st.st_size),
             .text = {}};
    if (S_ISREG(st.st_mode)) out.text = read_file(dir_.dir(), path);
    if (S_ISLNK(st.st_mode)) {
      out.text.resize(4096);
      out.text.resize(static_cast<std::size_t>(::readlinkat(dir_.dir().get(), path.c_str(), out.text.data(), 4096)));
    }
    return out;
  }
  Node root() const { return look(form_ == Form::erofs ? "" : "."); }
  std::string text(const std::string& path) const { return look(path).text; }
  bool exists(const std::string& path) const {
    return form_ == Form::erofs ? reader().nodes().contains(path) : dir_.dir().exists(path);
  }
  std::vector<std::string> opaque() const {
    std::vector<std::string> out;
    if (form_ == Form::directory) {
      const auto& paths = dynamic_cast<const DirectoryTree&>(*tree_).opaque_paths();
      out.assign(paths.begin(), paths.end());
    } else {
      for (const auto& [path, node] : reader().nodes())
        if (const auto mark = node.xattrs.find("trusted.overlay.opaque");
            mark != node.xattrs.end() && mark->second == "y")
          out.push_back(path);
    }
    return out;
  }
  /// Names below the root, sorted.
  std::vector<std::string> names() const {
    if (form_ == Form::directory) return dir_.dir().names();
    std::vector<std::string> out;
    for (const auto& [path, node] : reader().nodes())
      if (!path.empty() && path.find('/') == std::string::npos) out.push_back(path);
    return out;
  }
  const ErofsReader& reader() const {
    if (!reader_) {
      ::lseek(image_.get(), 0, SEEK_SET);
      reader_.emplace(read_all(image_.get(), "image", std::size_t{1} << 28));
    }
    return *reader_;
  }

 private:
  Form form_;
  TempDir dir_;
  UniqueFd image_ = memory_file("image", ""), scratch_ = memory_file("scratch", "");
  std::unique_ptr<NewTree> tree_;
  mutable std::optional<ErofsReader> reader_;
};

inline std::string form_name(const testing::TestParamInfo<Form>& info) {
  return info.param == Form::erofs ? "Erofs" : "Directory";
}

}  // namespace rkt::unpack::test
