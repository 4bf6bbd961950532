// SPDX-License-Identifier: Apache-2.0
#include "stage1/common/exec_flaw.h"

#include <linux/openat2.h>

#include <cstring>

#include "base/printable.h"
#include "base/strings.h"

namespace rkt::stage1 {

std::string error_text(int err) {
  const char* text = ::strerrordesc_np(err);
  return text != nullptr ? std::string(text) : cat("error ", err);
}

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

}  // namespace rkt::stage1
