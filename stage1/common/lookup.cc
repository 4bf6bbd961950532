// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/lookup.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::stage1 {
namespace {

std::string below(std::string_view dir, std::string_view name) {
  std::string out = dir.starts_with('/') ? std::string(dir) : cat("/", dir);
  if (!out.ends_with('/')) out += '/';
  return out.append(name);
}

std::string search_path(const std::string* path, const std::string& working_directory) {
  return path != nullptr ? *path : cat(working_directory, ":/bin:/usr/bin");
}

bool is_executable(const DirFd& root, const std::string& path) {
  try {
    const auto fd = root.find_in_root(path, O_PATH);
    struct stat st{};
    return fd && ::fstat(fd->get(), &st) == 0 && !S_ISDIR(st.st_mode) && (st.st_mode & 0111) != 0;
  } catch (const Error&) {
    return false;  // a loop of links, a component without search permission: not here
  }
}

}  // namespace

std::vector<std::string> executable_places(const std::string& name, const std::string* path,
                                           const std::string& working_directory) {
  if (name.starts_with('/')) return {name};
  if (name.find('/') != std::string::npos) return {below(working_directory, name)};
  std::vector<std::string> out;
  const std::string searched = search_path(path, working_directory);
  for (const auto dir : split(searched, ':'))
    out.push_back(below(dir.starts_with('/') ? std::string(dir) : below(working_directory, dir), name));
  return out;
}

std::string find_executable(const DirFd& root, const std::string& name, const std::string* path,
                            const std::string& working_directory) {
  auto places = executable_places(name, path, working_directory);
  if (name.find('/') != std::string::npos) return places.front();
  for (auto& place : places)
    if (is_executable(root, place)) return std::move(place);
  throw Error(Errc::not_found,
              cat("unable to find ", quoted(name), " in ", quoted(search_path(path, working_directory))));
}

}  // namespace rkt::stage1
