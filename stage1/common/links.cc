// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/links.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <deque>
#include <optional>

#include "base/error.h"
#include "base/strings.h"

namespace rkt::stage1 {
namespace {

constexpr int kMaxLinks = 255;

void push_front(std::deque<std::string>& todo, std::string_view path) {
  const auto parts = split(path, '/');
  todo.insert(todo.begin(), parts.begin(), parts.end());
}

// Where the link at `path` leads; nullopt: there is none.
std::optional<std::string> read_link(const DirFd& root, const std::string& path) {
  const auto fd = root.find_in_root(path, O_PATH | O_NOFOLLOW);
  struct stat st{};
  if (!fd || ::fstat(fd->get(), &st) < 0 || !S_ISLNK(st.st_mode)) return std::nullopt;
  char text[PATH_MAX];
  const ssize_t n = ::readlinkat(fd->get(), "", text, sizeof text);
  if (n < 0) throw Error::from_errno(cat("read link ", quoted(path)));
  return std::string(text, static_cast<std::size_t>(n));
}

}  // namespace

std::string resolve_links(const DirFd& root, std::string_view path) {
  std::deque<std::string> todo;
  push_front(todo, path);
  std::string done;
  int links = 0;
  while (!todo.empty()) {
    const std::string part = std::move(todo.front());
    todo.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      done.resize(done.empty() ? 0 : done.rfind('/'));
      continue;
    }
    const std::string next = cat(done, "/", part);
    const auto link = read_link(root, next);
    if (!link) {
      done = next;
      continue;
    }
    if (++links > kMaxLinks) throw Error(Errc::invalid, cat("too many links in ", quoted(path)));
    if (link->starts_with('/')) done.clear();
    push_front(todo, *link);
  }
  return done.empty() ? "/" : done;
}

}  // namespace rkt::stage1
