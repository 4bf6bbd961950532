// SPDX-License-Identifier: Apache-2.0
#include "config/certificates.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::config {
namespace {

constexpr std::size_t kMaxPem = std::size_t{1} << 20;
constexpr std::size_t kMaxAuthorities = std::size_t{8} << 20;

std::string read_pem(const std::string& path) {
  std::string text = read_file(path, kMaxPem);
  if (text.find("-----BEGIN ") == std::string::npos) throw Error(Errc::invalid, cat(path, ": no PEM block in it"));
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

std::string stem(const std::string& name) { return name.substr(0, name.rfind('.')); }

Certificates read_directory(const DirFd& dir, const std::string& path) {
  Certificates out;
  const auto names = dir.names();
  const auto there = [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); };
  for (const auto& name : names) {
    const std::string file = cat(path, "/", name);
    if (name.ends_with(".crt")) {
      out.authorities += read_pem(file);
      if (out.authorities.size() > kMaxAuthorities) throw Error(Errc::invalid, cat(path, ": too many certificates"));
    } else if (name.ends_with(".cert")) {
      if (!there(stem(name) + ".key"))
        throw Error(Errc::invalid, cat(file, ": the key ", stem(name), ".key is missing beside it"))
            .hint("certificates of authorities have the suffix .crt");
      if (!out.client.empty()) continue;  // the first one is presented
      out.client = read_pem(file);
      out.key = read_pem(cat(path, "/", stem(name), ".key"));
    } else if (name.ends_with(".key") && !there(stem(name) + ".cert")) {
      throw Error(Errc::invalid, cat(file, ": the certificate ", stem(name), ".cert is missing beside it"));
    }
  }
  return out;
}

}  // namespace

Certificates load_certificates(const std::vector<std::string>& directories, const std::string& host) {
  if (host.empty() || host.front() == '.' || host.find('/') != std::string::npos) return {};
  for (const auto& parent : directories) {
    const std::string path = cat(parent, "/", host);
    if (const auto dir = DirFd::find(path)) return read_directory(*dir, path);
  }
  return {};
}

}  // namespace rkt::config
