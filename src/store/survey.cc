// SPDX-License-Identifier: Apache-2.0
// What `rkt store check` needs to know about the files of the store. Nothing here waits for anybody: what is listed may
// be gone when it is looked at.
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "store/impl.h"

namespace rkt::store {
namespace {

bool is_place_of_blob(const std::string& path) {
  const auto name = path.substr(path.rfind('/') + 1);
  try {
    return blob_path(name) == path;
  } catch (const Error&) {
    return false;
  }
}

mode_t type_of(const DirFd& dir, const std::string& name) {
  struct stat st{};
  return ::fstatat(dir.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & S_IFMT : 0;
}

void survey_directory(const DirFd& dir, const std::string& path, int depth, Store::Survey& out) {
  for (const auto& name : dir.names()) {
    const std::string at = cat(path, "/", name);
    const mode_t type = type_of(dir, name);
    if (type == 0) continue;  // gone meanwhile
    if (depth < 2 && type == S_IFDIR)
      survey_directory(dir.sub(name), at, depth + 1, out);
    else if (depth == 2 && type == S_IFREG && is_place_of_blob(at))
      out.blobs.push_back(name);
    else
      out.strays.push_back(at);
  }
}

}  // namespace

Store::Survey Store::survey() const {
  Survey out;
  if (const auto blobs = impl_->cas.find_sub("blobs")) survey_directory(*blobs, "blobs", 0, out);
  return out;
}

void Store::remove_stray(const std::string& path) {
  impl_->need_write();
  if (!path.starts_with("blobs/")) throw Error(Errc::bug, cat(quoted(path), " is not a stray file"));
  const auto slash = path.rfind('/');
  const auto dir = find_below(impl_->cas, path.substr(0, slash));
  if (!dir) return;
  if (is_place_of_blob(path) && type_of(*dir, path.substr(slash + 1)) == S_IFREG)
    throw Error(Errc::bug, cat(quoted(path), " is not a stray file"));
  dir->remove_tree(path.substr(slash + 1));
}

std::vector<std::string> Store::index_faults() const {
  Statement s = impl_->db.prepare("PRAGMA integrity_check(20)");
  std::vector<std::string> out;
  while (s.step())
    if (s.text(0) != "ok") out.push_back(s.text(0));
  return out;
}

}  // namespace rkt::store
