// SPDX-License-Identifier: Apache-2.0
// The command lines that stage0 gives to the entry points of a stage1 (docs/devel/stage1-interface.md; reference: pods
// §2.2-2.5): what those of every flavor have in common. Flags are "--name=value", "--name value", or with one dash.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"

namespace rkt::stage1 {

/// Of a flag that is not known, has no value or is no switch, as the reference's parser has it.
constexpr int kBadFlag = 2;

/// The words of a command line, taken one after the other. Borrows them. Throws Errc::usage.
class Words {
 public:
  explicit Words(const std::vector<std::string>& args) : args_(args) {}

  /// The next flag without its dashes and value; false at the first word that is no flag, or after "--".
  bool next_flag();
  const std::string& name() const { return name_; }
  std::string value();
  bool on() const;  ///< of a switch
  template <class Int>
  Int number(Int least);  ///< its value, that number or above
  Error bad(std::string_view value) const;
  [[noreturn]] void unknown() const;

  /// What follows the flags.
  std::vector<std::string> rest() const;
  Uuid uuid() const;  ///< the only word of those

 private:
  std::int64_t number_from(std::int64_t least, std::int64_t most);

  const std::vector<std::string>& args_;
  std::size_t at_ = 0;
  std::string name_;
  std::optional<std::string> value_;
};

template <class Int>
Int Words::number(Int least) {
  return static_cast<Int>(number_from(least, std::numeric_limits<Int>::max()));
}

/// Where an app's resolv.conf and hosts come from.
enum class ResolvMode : std::uint8_t { by_flavor, host, stage0, none };
enum class HostsMode : std::uint8_t { from_image, host, stage0 };
struct NameModes {
  ResolvMode resolv = ResolvMode::by_flavor;  ///< the pod's networks', or the image's
  HostsMode hosts = HostsMode::from_image;
};
/// The value of --dns-conf-mode: "resolv=MODE,hosts=MODE".
NameModes take_name_modes(Words& words);

struct StopOptions {
  bool force = false;
  std::optional<std::chrono::milliseconds> grace;  ///< between asking and killing
  Uuid uuid;
};
/// `has_grace`: what --grace asks for exists; else it is an unknown flag.
StopOptions parse_stop(const std::vector<std::string>& args, bool has_grace);

}  // namespace rkt::stage1
