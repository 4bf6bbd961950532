// SPDX-License-Identifier: Apache-2.0
// Key directories are the administrator's: links in them are followed, and what does not belong there is said and
// skipped. The image name is a stranger's: its components are checked before they become a path.
#include "keystore/keystore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/dir.h"
#include "sys/file.h"

namespace rkt::keystore {
namespace {

constexpr std::size_t kMaxKeyFile = std::size_t{1} << 20;
constexpr std::size_t kMaxFilesInDirectory = 10'000;
constexpr int kMaxDepth = 32;
constexpr std::string_view kComponent = "keystore";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kPlainName = "sha256:", kPlainFile = "sha256-", kPlainSuffix = ".pub";

// "a.com/b/c" -> "a.com", "a.com/b", "a.com/b/c": whole components, so that keys of a.com/b are no keys of a.com/bc.
// Stops at a component that is no name.
std::vector<std::string> prefixes_of(const std::string& image_name) {
  std::vector<std::string> out;
  std::string prefix;
  for (const auto component : split(image_name, '/')) {
    if (component.empty() || component == "." || component == ".." || component.find('\0') != std::string_view::npos)
      break;
    if (!prefix.empty()) prefix += '/';
    prefix += component;
    out.push_back(prefix);
  }
  return out;
}

struct KeyFile {
  std::string key, path;
  UniqueFd fd;
};

void warn(const std::string& path, std::string_view why) {
  log::note(kComponent, cat("ignoring ", quoted(path), ": ", why));
}

// Opens one entry of a key directory; nullopt for what is not a key file. O_NONBLOCK: a FIFO must not hold up a
// verification.
std::optional<KeyFile> open_entry(const DirFd& dir, const std::string& directory, const std::string& name, bool say) {
  if (name.starts_with('.')) return std::nullopt;  // what an interrupted add() left, editors, version control
  KeyFile key{.key = key_of_file(name), .path = cat(directory, "/", name), .fd = {}};
  key.fd.reset(::openat(dir.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat st{};
  if (!key.fd || ::fstat(key.fd.get(), &st) < 0) {
    if (say) warn(key.path, Error::from_errno("open").cause());
    return std::nullopt;
  }
  if (S_ISDIR(st.st_mode)) return std::nullopt;
  // A link to /dev/null is an empty file, the way systemd masks units.
  const bool null = S_ISCHR(st.st_mode) && st.st_rdev == ::makedev(1, 3);
  if ((S_ISREG(st.st_mode) || null) && !key.key.empty()) return key;
  if (say) warn(key.path, "not a key file named after its fingerprint");
  return std::nullopt;
}

using Visit = std::function<void(KeyFile&)>;

void visit_directory(const std::string& directory, bool say, const Visit& visit) {
  const auto dir = DirFd::find(directory);
  if (!dir) return;
  const auto names = dir->names();
  if (names.size() > kMaxFilesInDirectory) throw Error(Errc::invalid, cat("too many files in ", quoted(directory)));
  for (const auto& name : names)
    if (auto key = open_entry(*dir, directory, name, say)) visit(*key);
}

// Missing directories are fine, also when a file stands where a directory of the name would be.
void visit_prefixes(const std::string& base, const std::string& image_name, bool say, const Visit& visit) {
  for (const auto& prefix : prefixes_of(image_name)) {
    const std::string directory = cat(base, "/trustedkeys/prefix.d/", prefix);
    struct stat st{};
    if (::stat(directory.c_str(), &st) < 0 || !S_ISDIR(st.st_mode)) return;
    visit_directory(directory, say, visit);
  }
}

void visit_tree(const std::string& directory, int depth, const Visit& visit) {
  const auto dir = DirFd::find(directory);
  if (!dir || depth > kMaxDepth) return;
  visit_directory(directory, false, visit);
  for (const auto& name : dir->names()) {
    const std::string below = cat(directory, "/", name);
    struct stat st{};
    if (::stat(below.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) visit_tree(below, depth + 1, visit);
  }
}

// Makes what is missing, durably and with exactly this mode whatever the umask says; an existing link is followed.
DirFd enter(const DirFd& parent, const std::string& name) {
  if (::mkdirat(parent.get(), name.c_str(), 0755) == 0) {
    if (::fchmodat(parent.get(), name.c_str(), 0755, 0) < 0)
      throw Error::from_errno(cat("set the mode of ", quoted(name)));
    parent.sync();
  } else if (errno != EEXIST) {
    throw Error::from_errno(cat("make directory ", quoted(name)));
  }
  UniqueFd fd(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Error::from_errno(cat("open directory ", quoted(name)));
  return DirFd(std::move(fd));
}

}  // namespace

std::string hub_name(const std::string& name) {
  const std::string host = name.substr(0, name.find('/'));
  if (host != "docker.io" && host != "index.docker.io") return name;
  return cat("registry-1.docker.io", name.substr(host.size()));
}

void check_prefix(const std::string& prefix) {
  const auto prefixes = prefixes_of(prefix);
  if (prefixes.empty() || prefixes.back() != prefix) throw Error(Errc::invalid, cat("invalid prefix ", quoted(prefix)));
}

bool is_fingerprint(std::string_view text) noexcept {
  return (text.size() == 40 || text.size() == 64) && text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

bool is_plain_key(std::string_view text) noexcept {
  if (!text.starts_with(kPlainName)) return false;
  text.remove_prefix(kPlainName.size());
  return text.size() == 64 && text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

std::string key_of_file(std::string_view name) {
  if (is_fingerprint(name)) return std::string(name);
  if (!name.starts_with(kPlainFile) || !name.ends_with(kPlainSuffix)) return {};
  name.remove_prefix(kPlainFile.size());
  name.remove_suffix(std::min(name.size(), kPlainSuffix.size()));
  std::string key = cat(kPlainName, name);
  return is_plain_key(key) ? key : std::string{};
}

std::string file_of_key(std::string_view fingerprint) {
  if (!is_plain_key(fingerprint)) return std::string(fingerprint);
  return cat(kPlainFile, fingerprint.substr(kPlainName.size()), kPlainSuffix);
}

Keystore::Keystore(std::string system_dir, std::string local_dir, std::string builtin_dir, std::string own_dir)
    : system_(std::move(system_dir)),
      local_(std::move(local_dir)),
      builtin_(std::move(builtin_dir)),
      own_(std::move(own_dir)) {}

std::vector<TrustedKey> Keystore::ring_for(const std::string& image_name) const {
  std::map<std::string, TrustedKey> ring;
  const Visit collect = [&ring](KeyFile& key) {
    try {
      std::string bytes = read_all(key.fd.get(), key.path, kMaxKeyFile);
      ring.erase(key.key);
      if (!bytes.empty()) ring[key.key] = {.fingerprint = key.key, .path = key.path, .bytes = std::move(bytes)};
    } catch (const Error& e) {
      // A newer file that cannot be read must not leave the older key in force.
      ring.erase(key.key);
      warn(key.path, e.brief());
    }
  };
  const std::array<const std::string*, 4> directories = {&builtin_, &system_, &local_, &own_};
  for (const auto* base : directories)
    if (!base->empty()) visit_directory(cat(*base, "/trustedkeys/root.d"), true, collect);
  for (const auto* base : directories)
    if (!base->empty()) {
      visit_prefixes(*base, image_name, true, collect);
      // An image of a layout may be named as its publisher spells it.
      if (const std::string hub = hub_name(image_name); hub != image_name) visit_prefixes(*base, hub, true, collect);
    }
  std::vector<TrustedKey> out;
  out.reserve(ring.size());
  for (auto& [fingerprint, key] : ring) out.push_back(std::move(key));
  return out;
}

std::vector<TrustedKey> Keystore::every_key() const {
  std::map<std::string, TrustedKey> found;
  const Visit collect = [&found](KeyFile& key) {
    try {
      std::string bytes = read_all(key.fd.get(), key.path, kMaxKeyFile);
      if (!bytes.empty()) found[key.key] = {.fingerprint = key.key, .path = key.path, .bytes = std::move(bytes)};
    } catch (const Error& e) {
      warn(key.path, e.brief());
    }
  };
  for (const auto* base : {&builtin_, &system_, &local_, &own_}) {
    if (base->empty()) continue;
    visit_directory(cat(*base, "/trustedkeys/root.d"), false, collect);
    visit_tree(cat(*base, "/trustedkeys/prefix.d"), 0, collect);
  }
  std::vector<TrustedKey> out;
  for (auto& [fingerprint, key] : found) out.push_back(std::move(key));
  return out;
}

bool Keystore::has_prefix_keys(const std::string& image_name) const {
  bool found = false;
  const Visit look = [&found](KeyFile& key) {
    struct stat st{};
    found = found || (is_fingerprint(key.key) && ::fstat(key.fd.get(), &st) == 0 && st.st_size > 0);
  };
  for (const auto* base : {&builtin_, &system_, &local_, &own_})
    if (!base->empty()) visit_prefixes(*base, image_name, false, look);
  return found;
}

std::string Keystore::place_of(const std::string& prefix) const {
  const std::string& to = own_.empty() ? local_ : own_;
  return cat(to, "/", prefix.empty() ? "trustedkeys/root.d" : "trustedkeys/prefix.d/", prefix);
}

std::optional<TrustedKey> Keystore::find_added(const std::string& prefix, const std::string& fingerprint) const {
  TrustedKey out{.fingerprint = fingerprint, .path = cat(place_of(prefix), "/", file_of_key(fingerprint)), .bytes = {}};
  try {
    out.bytes = read_file(out.path, kMaxKeyFile);
  } catch (const Error& e) {
    if (e.sys_errno() == ENOENT || e.sys_errno() == ENOTDIR) return std::nullopt;
    throw;
  }
  if (out.bytes.empty()) return std::nullopt;  // masks the keys of others, and is none
  return out;
}

std::string Keystore::add(const std::string& prefix, const std::string& fingerprint, const std::string& armored) const {
  if (!is_fingerprint(fingerprint) && !is_plain_key(fingerprint))
    throw Error(Errc::bug, cat("not a fingerprint: ", quoted(fingerprint)));
  if (!prefix.empty()) check_prefix(prefix);
  const std::string file_name = file_of_key(fingerprint), place = place_of(prefix);
  const std::string& to = own_.empty() ? local_ : own_;
  std::string path = cat(place, "/", file_name);
  in_context([&] { return cat("store key ", quoted(path)); },
             [&] {
               const bool made = !DirFd::find(to);
               DirFd dir = make_dirs(to, 0755);
               // The machine's is for everybody to read, whatever the umask; a user's is his own affair.
               if (made && own_.empty() && ::fchmod(dir.get(), 0755) < 0)
                 throw Error::from_errno(cat("set the mode of ", quoted(to)));
               for (const auto component : split(std::string_view(place).substr(to.size() + 1), '/'))
                 dir = enter(dir, std::string(component));
               AtomicFile file(dir, file_name, 0644);
               write_all(file.fd(), armored, file_name);
               file.commit();
             });
  return path;
}

}  // namespace rkt::keystore
