// SPDX-License-Identifier: Apache-2.0
// Pods in a directory of the test's own: places and locks are real, nothing runs.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "pod/pod.h"
#include "sys/file.h"
#include "sys/tempdir.h"

namespace rkt::pod {

class PodsForTest : public testing::Test {
 protected:
  /// An empty pod directory in one place; a random UUID unless one is given.
  Uuid make(const std::string& place, const std::string& uuid = "") const {
    std::array<std::uint8_t, 16> random{};
    fill_random(random);
    const Uuid id = uuid.empty() ? Uuid::from_random(random) : Uuid::parse(uuid).value();
    pods.dir(place).make_sub(id.str(), 0750);
    return id;
  }
  DirLock hold(const std::string& place, const Uuid& id) const {
    return DirLock::take(pods.dir(place).sub(id.str()).release(), LockMode::exclusive);
  }
  /// Makes the pod one with overlay; returns the upper directory of its stage1.
  static DirFd overlay_of(const Pod& pod) {
    write_file(pod.dir(), "overlay-prepared", "", 0640);
    write_file(pod.dir(), "stage1TreeStoreID", "deps-stage1", 0640);
    return pod.dir().make_sub("overlay").make_sub("deps-stage1").make_sub("upper");
  }
  template <class Body>
  static std::string error_of(Body&& body) {
    try {
      body();
    } catch (const Error& e) {
      return e.brief();
    }
    return "";
  }

  TempDir tmp;
  Pods pods = Pods::open(tmp.path());
};

}  // namespace rkt::pod
