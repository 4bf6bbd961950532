// SPDX-License-Identifier: Apache-2.0
#include "image/argument.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <optional>

#include "base/error.h"
#include "base/escapes.h"
#include "base/strings.h"
#include "base/url.h"
#include "schema/appc/types.h"
#include "schema/oci/image.h"
#include "sys/fd.h"

namespace rkt::image {
namespace {

using Probe = std::function<PathKind(const std::string&)>;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

[[noreturn]] void bad_image_string(
    std::string_view text,
    const char* hint = "the names of ACI files and URLs end in .aci; an OCI layout has a file oci-layout") {
  throw Error(Errc::invalid, cat("invalid image string ", quoted(without_user_info(text)))).hint(hint);
}

// The scheme as RFC 3986 and the reference's URL parser see it; nullopt: none.
std::optional<std::string> scheme_of(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_letter(c)) continue;
    if (c == ':') {
      if (i == 0) throw Error(Errc::invalid, cat("parse ", quoted(text), ": missing protocol scheme"));
      return lower(text.substr(0, i));
    }
    if (i == 0 || !(is_digit(c) || c == '+' || c == '-' || c == '.')) break;
  }
  const std::string_view first = text.substr(0, text.find('/'));
  if (first.find(':') != std::string_view::npos)
    throw Error(Errc::invalid, cat("parse ", quoted(text), ": first path segment in URL cannot contain colon"));
  return std::nullopt;
}

std::string absolute(std::string_view path, const std::string& cwd) {
  return path.starts_with('/') ? std::string(path) : cat(cwd, "/", path);
}

// In queries a blank may be written as "+".
std::optional<std::string> query_decode(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, '+', ' ');
  return percent_decode(plain);
}

Argument name_argument(std::string_view text) {
  try {
    (void)appc::AppString::parse(text);
  } catch (const Error& e) {
    const std::string beginning = cat("invalid appc image string ", quoted(text));  // some causes have it already
    throw e.cause().starts_with(beginning) ? e : Error(Errc::invalid, cat(beginning, ": ", e.cause()));
  }
  return {Argument::Kind::name, std::string(text), {}};
}

Argument docker_argument(std::string_view rest) {
  if (rest.starts_with("//")) rest.remove_prefix(2);
  (void)oci::Reference::parse(rest);
  return {Argument::Kind::docker, std::string(rest), {}};
}

Argument path_argument(const std::string& path, const Probe& probe) {
  if (path.ends_with(".aci")) return {Argument::Kind::file, path, {}};
  const PathKind kind = probe(path);
  if (kind == PathKind::layout) return {Argument::Kind::layout, path, {}};
  if (kind == PathKind::archive) return {Argument::Kind::layout_archive, path, {}};
  if (kind == PathKind::missing) bad_image_string(cat("file://", path), "there is no such file or directory");
  bad_image_string(cat("file://", path));
}

// PATH[:NAME], where both may hold colons: the longest path that exists.
Argument layout_argument(std::string_view text, std::string_view rest, const std::string& cwd, const Probe& probe) {
  for (std::size_t end = rest.size();; end = rest.rfind(':', end - 1)) {
    if (end == std::string_view::npos || end == 0) break;
    const std::string path = absolute(rest.substr(0, end), cwd);
    const std::string name(end == rest.size() ? std::string_view{} : rest.substr(end + 1));
    const PathKind kind = probe(path);
    if (kind == PathKind::layout || kind == PathKind::directory) return {Argument::Kind::layout, path, name};
    if (kind != PathKind::missing) return {Argument::Kind::layout_archive, path, name};
  }
  throw Error(Errc::not_found, cat("no OCI layout at ", quoted(text)));
}

Argument url_argument(std::string_view text, const std::string& scheme) {
  const std::string_view bare = text.substr(0, text.find_first_of("?#"));
  if (!bare.ends_with(".aci")) bad_image_string(text);
  if (scheme != "file") return {Argument::Kind::url, std::string(text), {}};
  std::string_view path = bare.substr(scheme.size() + 1);
  if (path.starts_with("//")) path.remove_prefix(2);
  if (path.starts_with("localhost/")) path.remove_prefix(9);
  const auto plain = percent_decode(path);
  if (!plain || !plain->starts_with('/')) bad_image_string(text);
  return {Argument::Kind::file, *plain, {}};
}

constexpr const char* kCimdForms = "cimd:appc:v=0:NAME, cimd:docker:v=0:NAME and cimd:aci-archive:v=0:URL are known";

// cimd:KIND:v=0:REST, the reference's distribution points (images §3.2).
Argument cimd_argument(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() < 4 || parts[2] != "v=0") bad_image_string(text, kCimdForms);
  const std::string_view kind = parts[1];
  const std::string_view rest = text.substr(parts[0].size() + kind.size() + parts[2].size() + 3);
  if (kind == "docker") return docker_argument(rest);
  if (kind == "aci-archive") {
    const auto url = query_decode(rest);
    const auto scheme = url ? scheme_of(*url) : std::nullopt;
    if (!scheme || (*scheme != "http" && *scheme != "https" && *scheme != "file"))
      throw Error(Errc::unsupported,
                  cat("an unsupported URL scheme ", quoted(scheme.value_or("")),
                      " - the only URL schemes supported by rkt for an archive are http, https and file"));
    return url_argument(*url, *scheme);
  }
  if (kind != "appc") bad_image_string(text, kCimdForms);
  const auto question = rest.find('?');
  std::string app(rest.substr(0, question));
  if (question != std::string_view::npos) {
    for (const auto pair : split(rest.substr(question + 1), '&')) {
      const auto plain = query_decode(pair);
      if (!plain) bad_image_string(text, kCimdForms);
      app += cat(",", *plain);
    }
  }
  return name_argument(app);
}

bool could_be_name(std::string_view text) {
  if (text.find("./") != std::string_view::npos) return false;
  try {
    (void)appc::AppString::parse(text);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Argument classify(std::string_view text, bool ids, const std::string& cwd, const Probe& probe) {
  if (text == "-")
    throw Error(Errc::usage, "no image argument is read from standard input")
        .hint("an archive is taken by: rkt image import -");
  if (ids && appc::ImageId::parse(text)) return {Argument::Kind::id, std::string(text), {}};
  if (const auto scheme = scheme_of(text)) {
    const std::string_view rest = text.substr(scheme->size() + 1);
    if (*scheme == "file" || *scheme == "http" || *scheme == "https") return url_argument(text, *scheme);
    if (*scheme == "docker") return docker_argument(rest);
    if (*scheme == "oci" || *scheme == "oci-archive") return layout_argument(text, rest, cwd, probe);
    // Else a name with a version.
    if (*scheme == "docker-archive" &&
        (rest.find('/') != std::string_view::npos || probe(absolute(rest, cwd)) == PathKind::archive))
      return layout_argument(text, rest, cwd, probe);
    if (*scheme == "cimd") return cimd_argument(text);
    return name_argument(text);
  }
  if (text.starts_with('/')) return path_argument(std::string(text), probe);
  if (!text.empty()) {
    const PathKind kind = probe(absolute(text, cwd));
    const bool ours = kind == PathKind::archive || kind == PathKind::layout;
    const bool hides = ours && !text.ends_with(".aci") && could_be_name(text);
    // As of any regular file. What lies in a directory of somebody else's must not be run in an image's place.
    if (hides && kind == PathKind::archive)
      throw Error(Errc::invalid, cat("invalid image string ", quoted(text), ": there is a file of that name"))
          .hint(cat("write ./", text, " for the file; from another directory it is the image"));
    if (kind == PathKind::file || (ours && !hides)) return path_argument(absolute(text, cwd), probe);
  }
  if (text.find(':') != std::string_view::npos) return name_argument(text);
  if (text.find("./") != std::string_view::npos || text.ends_with(".aci"))
    return path_argument(absolute(text, cwd), probe);
  return name_argument(text);
}

PathKind probe_path(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) < 0) return PathKind::missing;
  if (S_ISDIR(st.st_mode)) {
    return ::faccessat(AT_FDCWD, (path + "/oci-layout").c_str(), F_OK, 0) == 0 ? PathKind::layout : PathKind::directory;
  }
  if (!S_ISREG(st.st_mode)) return PathKind::missing;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char head[512] = {};
  const ssize_t n = fd ? ::pread(fd.get(), head, sizeof head, 0) : 0;
  const std::string_view start(head, n > 0 ? static_cast<std::size_t>(n) : 0);
  const bool archive = start.starts_with("\x1f\x8b") || start.starts_with("BZh") ||
                       start.starts_with(
                           "\xfd"
                           "7zXZ") ||
                       start.starts_with("\x28\xb5\x2f\xfd") || (start.size() > 262 && start.substr(257, 5) == "ustar");
  return archive ? PathKind::archive : PathKind::file;
}

std::string current_directory() {
  char buf[PATH_MAX];
  if (::getcwd(buf, sizeof buf) == nullptr) {
    if (errno == ENOENT) return ".";  // removed: nothing can be found there
    throw Error::from_errno("find the current directory");
  }
  return buf;
}

}  // namespace rkt::image
