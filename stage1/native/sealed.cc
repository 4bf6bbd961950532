// SPDX-License-Identifier: Apache-2.0
#include "stage1/native/sealed.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "stage1/native/launch.h"
#include "sys/fd.h"

namespace rkt::native {
namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10;
#endif
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

UniqueFd sealed_copy(int program) {
  struct stat st{};
  if (::fstat(program, &st) < 0) throw Error::from_errno("look at this program");
  UniqueFd copy(::memfd_create("rkt-enter", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  // MFD_EXEC is of Linux 6.3; before, every memory file can be executed.
  if (!copy && errno == EINVAL) copy.reset(::memfd_create("rkt-enter", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) throw Error::from_errno("make a memory file");
  off_t at = 0;
  while (at < st.st_size)
    if (::sendfile(copy.get(), program, &at, static_cast<std::size_t>(st.st_size - at)) <= 0)
      throw Error::from_errno("copy this program");
  if (::fcntl(copy.get(), F_ADD_SEALS, kSeals) < 0) throw Error::from_errno("seal a memory file");
  return copy;
}

}  // namespace

void become_sealed_copy(const std::string& name, const std::vector<std::string>& args) {
  const UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!program) throw Error::from_errno("open this program");
  if (::fcntl(program.get(), F_GET_SEALS) == kSeals) return;
  std::vector<std::string> words{name};
  words.insert(words.end(), args.begin(), args.end());
  const UniqueFd copy = sealed_copy(program.get());
  ::execveat(copy.get(), "", ExecStrings(words).get(), environ, AT_EMPTY_PATH);
  throw Error::from_errno("execute the copy of this program");
}

}  // namespace rkt::native
