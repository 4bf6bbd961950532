// SPDX-License-Identifier: Apache-2.0
// Which entries of which image make up a rendered ACI (reference: "Rendering a dependency graph"). Images are offered
// top first, each as its archive streams by; what an upper image provided is never taken again from a lower one.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace rkt::unpack {

class Selection {
 public:
  /// The next image down. Both lists are the manifests' pathWhitelist: absolute paths, matched exactly after cleaning.
  void begin_image(const std::vector<std::string>& own_whitelist, const std::vector<std::string>& upper_whitelist);

  /// Decides about one entry and remembers that it was provided. `path` is below rootfs; "" is rootfs itself.
  ///  1. a non-directory must be in the image's own whitelist, if there is one;
  ///  2. every entry but rootfs must be in the upper whitelist, if there is one;
  ///  3. what an upper image provided stays: but a directory that upper images only implied gets its attributes here;
  ///  4. nothing is taken below a path that was provided as something else than a directory, by this image or an upper
  ///  one.
  /// A second entry of the same path in one image is taken: the last wins.
  bool take(const std::string& path, bool is_directory);

  /// The current image itself provided this non-directory: a hard link of the same image may point at it.
  bool provided_here(const std::string& path) const;

 private:
  enum class Kind { directory, implied, other };
  struct Provided {
    int image;
    Kind kind;
  };
  bool whitelisted(const std::string& path, bool is_directory) const;

  int image_ = -1;
  std::unordered_map<std::string, Provided> provided_;
  std::unordered_set<std::string> own_, upper_;
};

/// "/etc//motd/" -> "etc/motd", the form that Selection compares. ".." is resolved as text, as the reference's cleaning
/// does.
std::string clean_whitelist_path(std::string_view path);

}  // namespace rkt::unpack
