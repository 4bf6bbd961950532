// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/diagnose.h"

#include <linux/openat2.h>

#include <cstring>

#include "base/printable.h"
#include "base/strings.h"
#include "stage1/native/launch.h"

namespace rkt::native {

std::string exec_flaw_text(const ExecFinding& finding, const std::string& exe, int err) {
  const std::string interpreter(finding.interpreter, ::strnlen(finding.interpreter, sizeof finding.interpreter));
  const std::string shown = quoted(printable(interpreter.empty() ? exe : interpreter));
  switch (finding.flaw) {
    case ExecFlaw::cannot_open:
      return cat("Unable to open ", shown, ": ", error_text(finding.err));
    case ExecFlaw::no_file:
      return cat(shown, " is not a regular file");
    case ExecFlaw::not_executable:
      return cat(shown, " is not executable");
    case ExecFlaw::forbidden_there:
      return cat(shown, " is on a file system that is mounted \"noexec\"");
    case ExecFlaw::unknown:
      break;
  }
  return cat("execute ", quoted(printable(exe)), ": ", error_text(err));
}

std::string diagnose_exec(const DirFd& root, const std::string& exe, int err) {
  ExecFinding finding{};
  find_exec_flaw(root.get(), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, exe.c_str(), finding);
  return exec_flaw_text(finding, exe, err);
}

std::string start_fault_text(const AppFault& fault, const std::string& exe, const std::string& directory) {
  if (fault.step == AppStep::exec)
    return cat(quoted(exe), " could not be executed: ", exec_flaw_text(fault.finding, exe, fault.err));
  if (fault.step == AppStep::search)
    return cat("unable to find ", quoted(exe), " where the app's PATH leads, volumes included");
  if (fault.step == AppStep::directory)
    return cat(describe(fault.step), " ", quoted(directory), ": ", error_text(fault.err));
  return fault_text(fault);
}

}  // namespace rkt::native
