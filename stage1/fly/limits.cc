// SPDX-License-Identifier: Apache-2.0
#include "stage1/fly/limits.h"

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/strings.h"
#include "sys/file.h"

namespace rkt::fly {
namespace {

constexpr const char* kLimitsFile = "stage1-fly.limits";

}  // namespace

void save_limits(const DirFd& pod, const stage1::ProcessLimits& limits) {
  std::string text = cat(limits.nice);
  for (const auto& limit : limits.resources) text += cat(" ", limit.rlim_cur, " ", limit.rlim_max);
  AtomicFile file(pod, kLimitsFile, 0644);
  write_all(file.fd(), text + '\n', kLimitsFile);
  file.commit(AtomicFile::Sync::no);
}

stage1::ProcessLimits load_limits(const DirFd& pod) {
  const std::string text = read_file(pod, kLimitsFile, 4096);
  const auto words = split(trim(text), ' ');
  const auto wrong = [] { return Error(Errc::invalid, cat("the pod's file ", quoted(kLimitsFile), " is malformed")); };
  const auto number = [&](std::size_t i) -> rlim_t {
    const auto n = parse_int<std::uint64_t>(words[i]);
    return n ? *n : throw wrong();
  };
  stage1::ProcessLimits out;
  const auto nice = parse_int<int>(words.front());
  if (!nice || words.size() != 1 + 2 * out.resources.size()) throw wrong();
  out.nice = *nice;
  for (std::size_t kind = 0; kind < out.resources.size(); ++kind)
    out.resources[kind] = {.rlim_cur = number(1 + 2 * kind), .rlim_max = number(2 + 2 * kind)};
  return out;
}

}  // namespace rkt::fly
