// SPDX-License-Identifier: Apache-2.0
// Names as archives spell them -> paths below a tree's root, and the whiteout names of OCI layers. Pure text;
// everything here is fed by hostile images and must refuse rather than guess.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace rkt::unpack {

/// "./usr//bin/" -> "usr/bin"; ".", "./" and "/" -> "". Leading slashes mean the tree's root: well-known builders write
/// them. Throws Errc::invalid, naming the entry, for an empty name, a ".." component, and what no Linux path can hold
/// (4095 bytes, 255 a component).
std::string clean_name(std::string_view raw);

/// Target of a hard link: the same, but it names something below the root.
std::string clean_link_target(std::string_view raw);

/// {"usr/bin", "env"} of "usr/bin/env"; {"", "env"} of "env".
std::pair<std::string_view, std::string_view> split_name(std::string_view clean);

/// `path` is `dir` itself or lies below it. "" holds everything.
bool is_within(std::string_view path, std::string_view dir);

/// What an entry's name says in an OCI layer (image-spec, layer.md, "Whiteouts").
struct Whiteout {
  enum class Kind { none, hides, opaque, bookkeeping };
  Kind kind = Kind::none;
  std::string path;  ///< hides: the path that is hidden; opaque: the directory whose lower content is hidden
};
/// Throws Errc::invalid for a bare ".wh.", for ".wh.." and ".wh...", and for an entry below a whiteout name.
Whiteout parse_whiteout(std::string_view clean);

}  // namespace rkt::unpack
