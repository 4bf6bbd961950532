// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/command_line.h"

#include "base/strings.h"

namespace rkt::stage1 {

bool Words::next_flag() {
  value_.reset();
  if (at_ == args_.size()) return false;
  std::string_view word = args_[at_];
  if (word == "--") {
    ++at_;
    return false;
  }
  if (!word.starts_with('-') || word.size() < 2) return false;
  ++at_;
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  if (const auto equals = word.find('='); equals != std::string_view::npos) {
    value_ = std::string(word.substr(equals + 1));
    word = word.substr(0, equals);
  }
  name_ = std::string(word);
  return true;
}

std::string Words::value() {
  if (value_) return *value_;
  if (at_ == args_.size()) throw Error(Errc::usage, cat("flag needs an argument: --", name_)).exit_with(kBadFlag);
  return args_[at_++];
}

bool Words::on() const {
  if (!value_) return true;
  if (const auto b = parse_bool(*value_)) return *b;
  throw bad(*value_).exit_with(kBadFlag);
}

std::int64_t Words::number_from(std::int64_t least, std::int64_t most) {
  const std::string text = value();
  const auto n = parse_int<std::int64_t>(text);
  if (!n || *n < least || *n > most) throw bad(text);
  return *n;
}

Error Words::bad(std::string_view value) const {
  return {Errc::usage, cat("invalid value ", quoted(value), " for flag --", name_)};
}

void Words::unknown() const { throw Error(Errc::usage, cat("unknown flag: --", name_)).exit_with(kBadFlag); }

std::vector<std::string> Words::rest() const { return {args_.begin() + static_cast<std::ptrdiff_t>(at_), args_.end()}; }

Uuid Words::uuid() const {
  const auto words = rest();
  if (words.size() != 1) throw Error(Errc::usage, "a pod UUID is needed as the only argument");
  const auto id = Uuid::parse(words.front());
  if (!id) throw Error(Errc::usage, cat(quoted(words.front()), " is no pod UUID"));
  return *id;
}

NameModes take_name_modes(Words& words) {
  NameModes out;
  const std::string text = words.value();
  for (const auto part : split(text, ',')) {
    if (part == "resolv=default")
      out.resolv = ResolvMode::by_flavor;
    else if (part == "resolv=host")
      out.resolv = ResolvMode::host;
    else if (part == "resolv=stage0")
      out.resolv = ResolvMode::stage0;
    else if (part == "resolv=none")
      out.resolv = ResolvMode::none;
    else if (part == "hosts=default")
      out.hosts = HostsMode::from_image;
    else if (part == "hosts=host")
      out.hosts = HostsMode::host;
    else if (part == "hosts=stage0")
      out.hosts = HostsMode::stage0;
    else
      throw words.bad(text);
  }
  return out;
}

StopOptions parse_stop(const std::vector<std::string>& args, bool has_grace) {
  StopOptions out;
  Words words(args);
  while (words.next_flag()) {
    if (words.name() == "force")
      out.force = words.on();
    else if (words.name() == "grace" && has_grace)
      out.grace = std::chrono::milliseconds(words.number<std::int32_t>(0));
    else if (words.name() == "debug")
      (void)words.on();
    else
      words.unknown();
  }
  out.uuid = words.uuid();
  return out;
}

}  // namespace rkt::stage1
