// SPDX-License-Identifier: Apache-2.0
// A strict reader of EROFS files, for tests and fuzzing: throws std::runtime_error for whatever is not exactly as the
// format has it, where the kernel would be lenient too.
#pragma once

#include <sys/stat.h>

#include <map>
#include <set>
#include <string>

#include "worker/unpack/erofs_format.h"

namespace rkt::unpack::test {

class ErofsReader {
 public:
  struct Node {
    erofs::Inode inode;
    std::uint64_t nid = 0;
    std::string content;  // of a file, holes as zeros; target of a link
    std::uint64_t holes = 0;
    std::map<std::string, std::string> xattrs;
    mode_t type() const { return inode.mode & S_IFMT; }
    mode_t permissions() const { return inode.mode & 07777; }
  };

  explicit ErofsReader(std::string image);
  /// By path; the root is "".
  const std::map<std::string, Node>& nodes() const { return nodes_; }
  const Node& node(const std::string& path) const;
  const erofs::Super& super() const { return super_; }

 private:
  template <class T>
  T at(std::uint64_t offset) const;
  std::string bytes(std::uint64_t offset, std::uint64_t n) const;
  std::uint32_t checksum() const;
  Node read(std::uint64_t nid) const;
  std::uint64_t read_xattrs(Node& node, std::uint64_t place) const;  // where they end
  void read_content(Node& node, std::uint64_t body, unsigned layout) const;
  void walk(std::uint64_t nid, std::uint64_t parent, const std::string& path, std::uint8_t type);

  std::string image_;
  erofs::Super super_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, std::uint32_t> subdirectories_;
  std::map<std::uint64_t, std::uint32_t> names_;
  std::set<std::uint64_t> directories_;
};

}  // namespace rkt::unpack::test
