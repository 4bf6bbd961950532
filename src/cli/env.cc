// SPDX-License-Identifier: Apache-2.0
#include "cli/env.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "sys/file.h"
#include "sys/install.h"

namespace rkt::cli {
namespace {

// Links of the data directory are resolved once, here; a directory that is not there yet keeps its text.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  return real ? std::string(real.get()) : path;
}

}  // namespace

const std::string& Env::data_dir() {
  if (!data_dir_.empty()) return data_dir_;
  std::string dir = globals_.dir.empty() ? globals_.own_data : globals_.dir;
  if (dir.empty()) dir = config().data;
  if (dir.empty()) dir = "/var/lib/rkt";
  data_dir_ = resolved(dir);
  return data_dir_;
}

bool Env::owns_data() {
  struct stat st{};
  return ::stat(data_dir().c_str(), &st) < 0 ? errno == ENOENT : st.st_uid == ::geteuid();
}

const config::Config& Env::config() {
  if (!config_) config_ = config::load(globals_.dirs);
  return *config_;
}

keystore::Keystore Env::keystore() const {
  return {globals_.dirs.system, globals_.dirs.local, cat(install_prefix(), "/lib/rkt"), globals_.own_keys};
}

void Env::warn_before_fetching() {
  if (!warned_of_fetching_)
    for (const auto& line : image::fetch_warnings(globals_.insecure)) log::note("image", line);
  warned_of_fetching_ = true;
}

void Env::warn_before_running() {
  for (const auto& line : image::run_warnings(globals_.insecure)) err(line);
}

void Env::out(std::string_view text) {
  try {
    write_all(STDOUT_FILENO, text, "standard output");
  } catch (Error& e) {
    if (e.disk_full()) e.hint("free space where standard output goes");  // no matter of the data directory
    throw;
  }
}

void Env::err(std::string_view line) const { log::note(command_, line); }

}  // namespace rkt::cli
