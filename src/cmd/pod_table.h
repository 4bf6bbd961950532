// SPDX-License-Identifier: Apache-2.0
// The table of `list`: one row for each app of each pod.
#pragma once

#include <string>
#include <vector>

#include "cli/table.h"
#include "pod/pod.h"

namespace rkt::cmd {

class PodTable {
 public:
  explicit PodTable(bool full) : full_(full) {}
  /// What cannot be read goes into errors(), and the pod's rows are left out or say "--".
  void add(const pod::Pod& pod);
  /// With a column POD NAME at the end when a pod has one; "\n" for nothing at all, as the reference.
  std::string text(bool legend) const;
  const std::vector<std::string>& errors() const noexcept { return errors_; }

 private:
  std::string image_cell(const pod::Pod& pod, const std::string& app);
  bool full_;
  bool named_ = false;
  std::vector<cli::Row> rows_;
  std::vector<std::string> names_;  // one a row
  std::vector<std::string> errors_;
};

}  // namespace rkt::cmd
