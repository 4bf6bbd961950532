// SPDX-License-Identifier: Apache-2.0
// The teardown of network.h with a say in where failing plugins are reported: setup() undoes quietly, since it has an
// error of its own to show.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "sys/dir.h"

namespace rkt::net {

using Report = std::function<void(std::string_view)>;
void teardown(const DirFd& pod, const Uuid& uuid, const std::string& local_config, const Report& report);

}  // namespace rkt::net
