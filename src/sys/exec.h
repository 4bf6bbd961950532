// SPDX-License-Identifier: Apache-2.0
// What execve takes.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace rkt {

/// Strings as exec wants them: its prototype lacks const, so it gets copies. Not empty where front() and back() are
/// called.
class ExecStrings {
 public:
  explicit ExecStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
    pointers_.reserve(strings_.size() + 1);
    for (auto& s : strings_) pointers_.push_back(s.data());
    pointers_.push_back(nullptr);
  }
  char* const* get() const noexcept { return pointers_.data(); }
  char** get() noexcept { return pointers_.data(); }
  const char* front() const noexcept { return pointers_.front(); }
  char* back() const noexcept { return pointers_[strings_.size() - 1]; }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;  // into strings_, whose elements do not move with it
};

}  // namespace rkt
