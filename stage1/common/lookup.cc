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

std::string find_executable(const DirFd& root, const std::string& name, const std::string* path,
                            const std::string& working_directory) {
  if (name.starts_with('/')) return name;
  if (name.find('/') != std::string::npos) return below(working_directory, name);
  const std::string searched = path != nullptr ? *path : cat(working_directory, ":/bin:/usr/bin");
  for (const auto dir : split(searched, ':')) {
    const std::string place = dir.starts_with('/') ? std::string(dir) : below(working_directory, dir);
    if (std::string file = below(place, name); is_executable(root, file)) return file;
  }
  throw Error(Errc::not_found, cat("unable to find ", quoted(name), " in ", quoted(searched)));
}

}  // namespace rkt::stage1
