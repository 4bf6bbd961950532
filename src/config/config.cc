// SPDX-License-Identifier: Apache-2.0
// Walks auth.d, paths.d and stage1.d of each directory and merges what it finds, later directories over earlier ones.
#include "config/config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <span>
#include <tuple>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/accounts.h"
#include "config/kinds.h"
#include "sys/file.h"

namespace rkt::config {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

struct SubDirectory {
  const char* name;
  std::span<const std::string_view> kinds;
};
constexpr std::array<std::string_view, 2> kAuthKinds = {"auth", "dockerAuth"};
constexpr std::array<std::string_view, 1> kPathsKinds = {"paths"}, kStage1Kinds = {"stage1"};
constexpr std::array<SubDirectory, 3> kSubDirectories = {
    {{"auth.d", kAuthKinds}, {"paths.d", kPathsKinds}, {"stage1.d", kStage1Kinds}}};

bool is_directory(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) < 0) {
    if (errno == ENOENT) return false;
    throw Error::from_errno(cat("stat ", path));
  }
  if (!S_ISDIR(st.st_mode)) throw Error(Errc::invalid, cat("expected ", quoted(path), " to be a directory"));
  return true;
}

void check_kind(const SubDirectory& sub, const std::string& directory, const std::string& name, std::string_view kind) {
  std::string expected;
  for (const auto allowed : sub.kinds) {
    if (allowed == kind) return;
    if (!expected.empty()) expected += "\", \"";
    expected += allowed;
  }
  throw Error(Errc::invalid,
              cat("the configuration directory ", quoted(directory), " expects to have configuration files of kinds ",
                  quoted(expected), ", but ", quoted(name), " has kind of ", quoted(kind)));
}

// Only the innermost frame of an error reaches the user, so it has to name the file itself.
json::Value parse_text(const std::string& path, const std::string& text) {
  return in_place([&] { return cat("failed to parse ", quoted(path)); }, [&] { return json::parse(text); });
}

void read_document(Config& config, const SubDirectory& sub, const std::string& directory, const std::string& name,
                   const std::string& text) {
  const std::string path = cat(directory, "/", name);
  const json::Value value = parse_text(path, text);
  const json::Reader document(value, path, json::Reader::Case::any);
  const auto header = [&](const char* member) {
    std::string field = document.text_or(member, "");
    if (field.empty()) throw Error(Errc::invalid, cat("no ", member, " specified in ", quoted(path)));
    return field;
  };
  const std::string kind = header("rktKind"), version = header("rktVersion");
  check_kind(sub, directory, name, kind);
  const Parse parse = find_parser(kind, version);
  if (parse == nullptr)
    throw Error(Errc::invalid,
                cat("no parser available for configuration of kind ", quoted(kind), " and version ", quoted(version)))
        .hint(cat("in ", quoted(path)));
  in_context([&] { return cat("failed to parse ", quoted(path)); },
             [&] {
               try {
                 parse(config, document);
               } catch (Error& e) {
                 if (e.remedy().empty() && e.cause().find(path) == std::string::npos) e.hint(cat("in ", quoted(path)));
                 throw;
               }
             });
}

// As the reference, which skips links in silence: whoever links a file wants it read, and should hear that it is not.
void skip_link(const std::string& path) {
  log::note("config", cat("ignoring ", quoted(path), ": it is a symbolic link, only regular files are read"));
}

// From the directory that was listed, whatever its path leads to by now; the path is for messages.
std::string read_listed(const DirFd& dir, const std::string& name, const std::string& path) {
  const UniqueFd file(::openat(dir.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) throw Error::from_errno(cat("open ", quoted(path)));
  return read_all(file.get(), path, kMaxFile);
}

// Regular files named *.json, in name order. Links are skipped, also the directory itself when it is one.
void read_sub_directory(Config& config, const std::string& parent, const SubDirectory& sub) {
  const std::string path = cat(parent, "/", sub.name);
  if (!is_directory(path)) return;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ELOOP || errno == ENOTDIR)) return skip_link(path);
  if (!fd) throw Error::from_errno(cat("open ", path));
  const DirFd dir(std::move(fd));
  for (const auto& name : dir.names()) {
    struct stat st{};
    if (!name.ends_with(".json")) continue;
    const std::string file = cat(path, "/", name);
    if (::fstatat(dir.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) throw Error::from_errno(cat("stat ", file));
    if (S_ISLNK(st.st_mode)) skip_link(file);
    if (S_ISREG(st.st_mode)) read_document(config, sub, path, name, read_listed(dir, name, file));
  }
}

Config read_directory(const std::string& path) {
  Config config;
  if (path.empty() || !is_directory(path)) return config;
  for (const auto& sub : kSubDirectories) read_sub_directory(config, path, sub);
  return config;
}

void replace(std::string& item, std::string later) {
  if (!later.empty()) item = std::move(later);
}

void merge(Config& config, Config later, int directory) {
  for (auto& [domain, auth] : later.auth) config.auth.insert_or_assign(domain, std::move(auth));
  for (auto& [registry, login] : later.docker_auth) {
    login.directory = directory;
    config.docker_auth.insert_or_assign(registry, std::move(login));
  }
  replace(config.data, std::move(later.data));
  replace(config.stage1_images, std::move(later.stage1_images));
  if (!later.stage1_name.empty()) {  // name and version come as a pair
    config.stage1_name = std::move(later.stage1_name);
    config.stage1_version = std::move(later.stage1_version);
  }
  replace(config.stage1_location, std::move(later.stage1_location));
}

}  // namespace

Config load(const Directories& dirs) {
  return in_context([] { return std::string("cannot get configuration"); },
                    [&] {
                      Config config;
                      int directory = 0;
                      for (const auto* dir : {&dirs.system, &dirs.local, &dirs.user})
                        merge(config, read_directory(*dir), directory++);
                      return config;
                    });
}

const DockerLogin* find_docker_login(const Config& config, std::string_view host) {
  constexpr std::string_view kContacted = "registry-1.docker.io";
  const DockerLogin* best = nullptr;
  std::tuple<int, bool, bool> best_rank;
  for (const auto& [registry, login] : config.docker_auth) {
    const std::string name = lower(registry);
    if (account_host(name) != account_host(lower(host))) continue;
    const std::tuple rank(login.directory, name == lower(host), name == kContacted);
    if (best == nullptr || rank > best_rank) best = &login, best_rank = rank;
  }
  return best;
}

}  // namespace rkt::config
