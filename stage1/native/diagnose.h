// SPDX-License-Identifier: Apache-2.0
// Why something could not be started, in words (reference: pods §7.2). Of an executable the kernel says "no such file"
// also when it is the interpreter that is missing.
#pragma once

#include <string>

#include "stage1/native/app_child.h"
#include "sys/dir.h"

namespace rkt::native {

/// `exe`: what was to be executed. `err`: what exec returned. Of the finding nothing is believed: who may look into the
/// process that wrote it may have written it.
std::string exec_flaw_text(const ExecFinding& finding, const std::string& exe, int err);

/// The same about a program inside `root` that nobody has tried to execute.
std::string diagnose_exec(const DirFd& root, const std::string& exe, int err);

/// Of a child on its way to be `exe` in `directory`.
std::string start_fault_text(const AppFault& fault, const std::string& exe, const std::string& directory);

}  // namespace rkt::native
