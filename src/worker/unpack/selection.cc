// SPDX-License-Identifier: Apache-2.0
#include "worker/unpack/selection.h"

#include "base/strings.h"

namespace rkt::unpack {
namespace {

std::unordered_set<std::string> clean_all(const std::vector<std::string>& paths) {
  std::unordered_set<std::string> out;
  for (const auto& p : paths) out.insert(clean_whitelist_path(p));
  return out;
}

}  // namespace

std::string clean_whitelist_path(std::string_view path) {
  std::string out;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      const auto slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
      continue;
    }
    if (!out.empty()) out.push_back('/');
    out.append(part);
  }
  return out;
}

void Selection::begin_image(const std::vector<std::string>& own_whitelist,
                            const std::vector<std::string>& upper_whitelist) {
  ++image_;
  own_ = clean_all(own_whitelist);
  upper_ = clean_all(upper_whitelist);
}

bool Selection::whitelisted(const std::string& path, bool is_directory) const {
  if (path.empty()) return true;
  if (!own_.empty() && !is_directory && !own_.contains(path)) return false;
  return upper_.empty() || upper_.contains(path);
}

bool Selection::take(const std::string& path, bool is_directory) {
  if (!whitelisted(path, is_directory)) return false;
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const auto parent = provided_.find(path.substr(0, slash));
    if (parent != provided_.end() && parent->second.kind == Kind::other) return false;
  }
  const Provided now{image_, is_directory ? Kind::directory : Kind::other};
  const auto [there, is_new] = provided_.try_emplace(path, now);
  if (!is_new) {
    const bool completes = is_directory && there->second.kind == Kind::implied;
    if (there->second.image != image_ && !completes) return false;
    there->second = now;
  }
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
    provided_.try_emplace(path.substr(0, slash), Provided{image_, Kind::implied});
  return true;
}

bool Selection::provided_here(const std::string& path) const {
  const auto there = provided_.find(path);
  return there != provided_.end() && there->second.image == image_ && there->second.kind == Kind::other;
}

}  // namespace rkt::unpack
