// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/diagnose.h"

#include "base/strings.h"
#include "stage1/common/exec_flaw.h"
#include "stage1/native/launch.h"

namespace rkt::native {

std::string start_fault_text(const AppFault& fault, const std::string& exe, const std::string& directory) {
  if (fault.step == AppStep::exec)
    return cat(quoted(exe), " could not be executed: ", stage1::exec_flaw_text(fault.finding, exe, fault.err));
  if (fault.step == AppStep::search)
    return cat("unable to find ", quoted(exe), " where the app's PATH leads, volumes included");
  if (fault.step == AppStep::directory)
    return cat(describe(fault.step), " ", quoted(directory), ": ", error_text(fault.err));
  return fault_text(fault);
}

}  // namespace rkt::native
