// SPDX-License-Identifier: Apache-2.0
#include "sys/selinux.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/fd.h"
#include "sys/file.h"

namespace rkt {
namespace {

constexpr const char* kSelinuxfs = "/sys/fs/selinux";
constexpr const char* kAttribute = "security.selinux";

const char* attribute_of(NewObject kind) {
  switch (kind) {
    case NewObject::file:
      return "fscreate";
    case NewObject::key:
      return "keycreate";
    case NewObject::socket:
      return "sockcreate";
  }
  return "";
}

// An empty text takes back what was said.
void write_attribute(NewObject kind, const std::string& context) {
  const std::string path = cat("/proc/thread-self/attr/", attribute_of(kind));
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), context.data(), context.size()) < 0)
    throw Error::from_errno(cat("set ", attribute_of(kind), " to SELinux context ", quoted(context)));
}

}  // namespace

bool selinux_active() {
  struct statfs fs{};
  return ::statfs(kSelinuxfs, &fs) == 0 && fs.f_type == SELINUX_MAGIC && (fs.f_flags & ST_RDONLY) == 0;
}

bool selinux_has_levels() { return trim(read_file(cat(kSelinuxfs, "/mls"), 64)) == "1"; }

bool selinux_knows(const std::string& context) {
  const UniqueFd fd(::open(cat(kSelinuxfs, "/context").c_str(), O_RDWR | O_CLOEXEC));
  if (fd && ::write(fd.get(), context.data(), context.size()) >= 0) return true;
  if (errno == EINVAL) return false;
  throw Error::from_errno(cat("look up SELinux context ", quoted(context)));
}

std::string context_of(int fd) {
  char text[4096];
  const ssize_t n = ::fgetxattr(fd, kAttribute, text, sizeof text);
  const std::string_view found(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  return std::string(found.substr(0, found.find('\0')));
}

void label_path(const std::string& path, const std::string& context) {
  if (context.empty() || ::lsetxattr(path.c_str(), kAttribute, context.data(), context.size(), 0) == 0) return;
  if (errno != EOPNOTSUPP) throw Error::from_errno(cat("give SELinux context ", quoted(context), " to ", quoted(path)));
}

void label_file(int fd, const std::string& context) {
  // The link leads to the file itself, so it has to be followed; what it leads to is no link, or is one itself.
  const std::string path = cat("/proc/self/fd/", fd);
  if (context.empty() || ::setxattr(path.c_str(), kAttribute, context.data(), context.size(), 0) == 0) return;
  if (errno != EOPNOTSUPP) throw Error::from_errno(cat("give a file SELinux context ", quoted(context)));
}

void label_new(NewObject kind, const std::string& context) {
  if (!context.empty()) write_attribute(kind, context);
}

void label_new_objects(const SelinuxContexts& contexts) {
  label_new(NewObject::file, contexts.files);
  label_new(NewObject::key, contexts.process);
  label_new(NewObject::socket, contexts.process);
}

FileLabel::FileLabel(const std::string& context, NewObject kind) : set_(!context.empty()), kind_(kind) {
  label_new(kind_, context);
}

FileLabel::~FileLabel() {
  if (!set_) return;
  try {
    write_attribute(kind_, "");
  } catch (const Error& e) {
    log::debug("selinux", e.brief());
  }
}

}  // namespace rkt
