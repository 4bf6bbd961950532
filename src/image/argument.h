// SPDX-License-Identifier: Apache-2.0
// What an image argument means (reference: images §3.1, column H; cli §4.4). Pure but for one question about the file
// system, which the caller answers, so that the table is a unit test.
//
// Ours besides the reference's: oci:DIR[:NAME], oci:FILE[:NAME] and oci-archive:FILE[:NAME] name an OCI layout, and so
// does a path that is a directory with an `oci-layout` file or an archive; one that could be an image's name begins
// with "./". File names may hold "#", "?" and "%".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace rkt::image {

enum class PathKind : std::uint8_t {
  missing,
  file,
  archive /* a file that begins like a tar or a compressed one */,
  directory,
  layout
};

struct Argument {
  enum class Kind : std::uint8_t { id, name, url, file, docker, layout, layout_archive } kind = Kind::name;
  std::string text;       ///< id, app string, URL, absolute path (file, layouts), reference without scheme (docker)
  std::string reference;  ///< layouts: NAME, or ""
};

/// `ids`: whether an ID is a store look-up (run, prepare) or an image name like any other (fetch). `probe` tells what
/// lies at a path. Relative paths are made absolute with `cwd`. Throws Errc::usage or Errc::invalid with the
/// reference's texts.
Argument classify(std::string_view text, bool ids, const std::string& cwd,
                  const std::function<PathKind(const std::string&)>& probe);

/// The question, answered by the file system.
PathKind probe_path(const std::string& path);

/// getcwd(); throws.
std::string current_directory();

}  // namespace rkt::image
