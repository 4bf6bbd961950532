// SPDX-License-Identifier: Apache-2.0
#include "cli/env.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/data_dir.h"
#include "sys/file.h"
#include "sys/install.h"
#include "sys/rootless.h"

namespace rkt::cli {
namespace {

// Whether it is the caller's, or is not there yet.
bool is_own(const std::string& dir) {
  struct stat st{};
  return ::stat(dir.c_str(), &st) < 0 ? errno == ENOENT : st.st_uid == ::geteuid();
}

}  // namespace

const std::string& Env::data_dir() {
  if (!data_dir_.empty()) return data_dir_;
  std::string dir = globals_.dir.empty() ? globals_.own_data : globals_.dir;
  if (dir.empty()) dir = config().data;
  if (dir.empty()) dir = "/var/lib/rkt";
  dir = resolve_data_dir(dir);
  if (::geteuid() == 0 && known_ids() == Ids::all) refuse_others(dir);
  data_dir_ = dir;
  return data_dir_;
}

bool Env::owns_data() { return is_own(data_dir()); }

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

const tree::Options& Env::trees_to_use() {
  if (!warned_of_trees_)
    for (const auto& line : image::tree_warnings(globals_.insecure)) log::note("image", line);
  warned_of_trees_ = true;
  return globals_.trees;
}

void Env::warn_before_running() {
  for (const auto& line : image::run_warnings(globals_.insecure)) err(line);
}

void to_stdout(std::string_view text) {
  try {
    write_all(STDOUT_FILENO, text, "standard output");
  } catch (Error& e) {
    if (e.sys_errno() == EPIPE) throw ReaderGone{};
    if (e.disk_full()) e.hint("free space where standard output goes");  // no matter of the data directory
    throw;
  }
}

void Env::out(std::string_view text) { to_stdout(text); }

void Env::report(std::string_view text) {
  if (unheard_) return;
  try {
    out(text);
  } catch (const ReaderGone&) {
    unheard_ = true;
  } catch (const Error& e) {
    unheard_ = true;
    err(e.brief());
  }
}

void Env::err(std::string_view line) const { log::note(command_, line); }

}  // namespace rkt::cli
