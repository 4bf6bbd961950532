// SPDX-License-Identifier: Apache-2.0
// Why a program could not be executed, in words (reference: pods §7.2). The kernel says "no such file" also when it is
// the interpreter that is missing.
#pragma once

#include <string>

#include "stage1/common/exec_flaw_child.h"
#include "sys/dir.h"

namespace rkt::stage1 {

/// "No such file or directory"
std::string error_text(int err);

/// `exe`: what was to be executed. `err`: what exec returned. Of the finding nothing is believed: who may look into the
/// process that wrote it may have written it.
std::string exec_flaw_text(const ExecFinding& finding, const std::string& exe, int err);

/// The same about a program inside `root`, looked at now.
std::string diagnose_exec(const DirFd& root, const std::string& exe, int err);

}  // namespace rkt::stage1
