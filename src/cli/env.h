// SPDX-License-Identifier: Apache-2.0
// What a command runs in: global flags, directories, configuration on demand, and where output goes. stdout is data,
// stderr is everything else and begins with the command's name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "image/insecure.h"
#include "keystore/keystore.h"
#include "tree/tree.h"

namespace rkt::cli {

struct Globals {
  bool debug = false;
  std::string dir;           ///< --dir as given, "" when not
  std::string own_data;      ///< of who is not root, used instead of the configuration's; "" when not
  std::string own_keys;      ///< where who is not root trusts keys, besides the host's
  config::Directories dirs;  ///< absolute
  image::Insecure insecure;
  bool trust_keys_from_https = false;
  tree::Options trees;
};

/// Writes all of it. Throws ReaderGone, or Error.
void to_stdout(std::string_view text);

class Env {
 public:
  Env(std::string command, Globals globals) : command_(std::move(command)), globals_(std::move(globals)) {}
  const Globals& globals() const noexcept { return globals_; }
  const std::string& command() const noexcept { return command_; }  ///< last word: the prefix of messages

  /// --dir, else the caller's own (who is not root), else the paths configuration, else /var/lib/rkt; absolute, links
  /// resolved. Reads no configuration with --dir. Throws for root of the host what refuse_others() throws.
  const std::string& data_dir();
  /// Whether it is the caller's, or is not there yet.
  bool owns_data();
  const config::Config& config();  ///< loaded once
  keystore::Keystore keystore() const;

  /// Says once which checks --insecure-options turns off for this command.
  void warn_before_fetching();
  void warn_before_running();
  /// How trees are wanted, of a command that runs or gives out what is in them.
  const tree::Options& trees_to_use();

  void out(std::string_view text);  ///< stdout, as it is; throws ReaderGone or Error
  /// stdout, of a step that is done whoever reads of it: when it cannot be written, stderr says so once and no more is
  /// written.
  void report(std::string_view text);
  void err(std::string_view line) const;  ///< stderr: "COMMAND: LINE"

 private:
  std::string command_;
  Globals globals_;
  std::string data_dir_;
  std::optional<config::Config> config_;
  bool warned_of_fetching_ = false, warned_of_trees_ = false;
  bool unheard_ = false;  ///< a report could not be written
};

}  // namespace rkt::cli
